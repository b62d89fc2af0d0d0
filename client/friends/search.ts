import { type AppError, isAppError } from '../../shared/errors.ts'
import type { Person } from '../../shared/wire/people.ts'
import { type PersonLink, parsePersonLink } from './people.ts'

const AFTER_MS = 250
/** No name has these, or is so long. */
const LIKE_A_LINK = /[/:#]|.{33}/

export type SearchPorts = {
  /** Of this server: links of another one lead nowhere. */
  readonly origin: string
  readonly ask: (name: string, signal: AbortSignal) => Promise<readonly Person[]>
  /** `null`: nothing is looked for. */
  readonly found: (people: readonly Person[] | null) => void
  /** `null`: what failed before is over. */
  readonly failed: (error: AppError | null) => void
  /** A personal link was pasted: an installed app has no address bar for it. */
  readonly follow: (link: PersonLink) => void
}

/** Finds people by what is typed, a name or a personal link. What was typed last counts, in whatever order answers come. */
export class PeopleSearch {
  readonly #ports: SearchPorts
  #timer: ReturnType<typeof setTimeout> | undefined
  #asking: AbortController | undefined

  constructor(ports: SearchPorts) {
    this.#ports = ports
  }

  typed(text: string): void {
    this.stop()
    this.#ports.failed(null)
    const wanted = text.trim()
    if (wanted.length < 2) this.#ports.found(null)
    else this.#timer = setTimeout(() => void this.#look(wanted), AFTER_MS)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#asking?.abort()
    this.#asking = undefined
  }

  async #look(wanted: string): Promise<void> {
    const { ask, failed, follow, found, origin } = this.#ports
    const asking = new AbortController()
    this.#asking = asking
    try {
      if (LIKE_A_LINK.test(wanted)) {
        found(null)
        follow(parsePersonLink(wanted, origin))
      } else {
        const people = await ask(wanted.toLowerCase(), asking.signal)
        if (!asking.signal.aborted) found(people)
      }
    } catch (error) {
      if (asking.signal.aborted) return
      if (!isAppError(error)) throw error
      failed(error)
    }
  }
}
