import { ContextConsumer } from '@lit/context'
import { LitElement } from 'lit'
import { sentenceFor } from './messages.ts'
import type { Services } from './services.ts'
import { servicesContext } from './services-context.ts'

/** A screen or a part of one: has the services, and one way to do what can fail. */
export class KithElement extends LitElement {
  readonly #services = new ContextConsumer(this, { context: servicesContext, subscribe: false })

  get services(): Services {
    const services = this.#services.value
    if (!services) throw new Error('used outside the app')
    return services
  }

  /** Sentence of the last failure, for the screen. */
  failure: string | null = null
  working = false

  /** Runs what a tap started; while it runs controls are disabled, and a failure becomes a sentence. */
  async attempt(action: () => Promise<void>): Promise<boolean> {
    if (this.working) return false
    this.working = true
    this.failure = null
    this.requestUpdate()
    try {
      await action()
      return true
    } catch (error) {
      this.failure = sentenceFor(error)
      return false
    } finally {
      this.working = false
      this.requestUpdate()
    }
  }
}
