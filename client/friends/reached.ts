import type { ConnectionId } from '../../shared/format/ids.ts'
import { type ConnectionState, replayConnection } from '../../shared/logs/connection.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import type { catchUp } from '../../shared/wire/connections.ts'
import type { BodyOf, ReplyOf } from '../../shared/wire/route.ts'

type Answer = ReplyOf<typeof catchUp>['connections'][number]
/** What is to be taken, and from which message on it was asked for. */
export type Served = Answer & { readonly since: number }
type Cursor = BodyOf<typeof catchUp>['cursors'][number]

/** Up to where one catching-up has come in one conversation, answer by answer. */
export class Reached {
  readonly #connectionId: ConnectionId
  #logFrom: number
  #since: number
  /** Of a log that came in part, and what they lead to. */
  #entries: readonly SignedEntry[] = []
  #state: ConnectionState | null

  /** @param state what the first `logFrom` entries lead to. */
  constructor({ connectionId, logFrom, since }: Cursor, state: ConnectionState | null) {
    this.#connectionId = connectionId
    this.#logFrom = logFrom
    this.#since = since
    this.#state = state
  }

  /** Where the next answer has to begin. */
  get cursor(): Cursor {
    return { connectionId: this.#connectionId, logFrom: this.#logFrom + this.#entries.length, since: this.#since }
  }

  /** A server that says "more" and gives nothing could be asked for ever. */
  leadsOn({ entries, messages }: Answer): boolean {
    return entries.length > 0 || messages.some(({ seq }) => seq > this.#since)
  }

  /**
   * What is to be taken now, with the part of the log that came before; `null`: the log goes on with the next answer.
   * Half a log is held back, as it would look like a rollback; its signatures bound what a server can make one hold.
   * @throws {AppError} as `replayConnection`
   */
  next(answer: Answer): { logFrom: number; served: Served } | null {
    const entries = [...this.#entries, ...answer.entries]
    if (answer.more && answer.messages.length === 0) {
      if (answer.entries.length > 0) {
        this.#state = replayConnection(this.#connectionId, answer.entries, this.#state ? { from: this.#state } : {})
      }
      this.#entries = entries
      return null
    }
    const logFrom = this.#logFrom
    this.#logFrom += entries.length
    this.#entries = []
    const since = this.#since
    this.#since = Math.max(since, ...answer.messages.map(({ seq }) => seq))
    return { logFrom, served: { ...answer, entries, since } }
  }
}
