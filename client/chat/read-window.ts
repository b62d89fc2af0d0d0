import type { Message, Thread } from './types.ts'

/**
 * The messages that are on the screen. What is there already is not opened again while nothing has changed; after a change
 * a message that says the same stays the same object, so that its row is not drawn anew.
 */
export class ReadWindow {
  readonly #thread: Pick<Thread, 'read' | 'revision' | 'stableSince'>
  #from = 0
  #messages: readonly Message[] = []
  #revision = -1

  constructor(thread: Pick<Thread, 'read' | 'revision' | 'stableSince'>) {
    this.#thread = thread
  }

  /** Messages at `[from, to)`. One call at a time. */
  async read(from: number, to: number): Promise<readonly Message[]> {
    const revision = this.#thread.revision.value
    const isStable = this.#revision >= this.#thread.stableSince
    const messages = isStable ? await this.#around(from, to) : await this.#anew(from, to)
    this.#from = from
    this.#messages = messages
    this.#revision = revision
    return messages
  }

  async #around(from: number, to: number): Promise<readonly Message[]> {
    const end = this.#from + this.#messages.length
    const [first, last] = [Math.max(from, this.#from), Math.min(to, end)]
    if (first >= last) return this.#thread.read(from, to)
    const before = from < first ? await this.#thread.read(from, first) : []
    const after = last < to ? await this.#thread.read(last, to) : []
    return [...before, ...this.#messages.slice(first - this.#from, last - this.#from), ...after]
  }

  async #anew(from: number, to: number): Promise<readonly Message[]> {
    const known = new Map(this.#messages.map((message) => [message.key, message]))
    return (await this.#thread.read(from, to)).map((message) => {
      const before = known.get(message.key)
      return before && JSON.stringify(before) === JSON.stringify(message) ? before : message
    })
  }
}
