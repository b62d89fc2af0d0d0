import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import type { ChatContext } from './context.ts'
import { newestKeys } from './receipts.ts'

/** Told at most this often; shown a little longer, so that it does not flicker. */
const SAY_MS = 3000
const SHOWN_MS = 5000
/** What is older was held back. */
const MAX_AGE_MS = 10_000

type Payload = { readonly connectionId: ConnectionId; readonly sealed: Bytes }

/** "… is typing": sealed, never stored, never a promise. */
export class Typing {
  readonly #context: ChatContext
  readonly #tells: () => boolean
  readonly #changed: (id: ConnectionId) => void
  readonly #said = new Map<ConnectionId, number>()
  readonly #heard = new Map<ConnectionId, ReturnType<typeof setTimeout>>()
  send: (payload: Payload) => void = () => undefined

  /** @param tells whether friends are told what this person does: read, and type. */
  constructor(context: ChatContext, tells: () => boolean, changed: (id: ConnectionId) => void) {
    this.#context = context
    this.#tells = tells
    this.#changed = changed
  }

  isTyping(id: ConnectionId): boolean {
    return this.#heard.has(id)
  }

  async say(id: ConnectionId): Promise<void> {
    const { crypto, me, now } = this.#context
    if (!this.#tells() || now() - (this.#said.get(id) ?? 0) < SAY_MS) return
    const keys = newestKeys(this.#context, id)
    if (!keys) return
    this.#said.set(id, now())
    this.send({ connectionId: id, sealed: await crypto.sealTyping(id, me.userId, keys.messageSecret, now()) })
  }

  async heard({ connectionId: id, sealed }: Payload): Promise<void> {
    const { connections, crypto, now } = this.#context
    const connection = connections.get(id)
    const keys = newestKeys(this.#context, id)
    if (connection?.state !== 'friends' || !keys) return
    const said = await crypto.openTyping(id, connection.peer.userId, keys.messageSecret, sealed)
    if (said === null || Math.abs(now() - said) > MAX_AGE_MS) return
    clearTimeout(this.#heard.get(id))
    this.#heard.set(
      id,
      setTimeout(() => this.#stopped(id), SHOWN_MS),
    )
    this.#changed(id)
  }

  /** Whoever has sent has stopped typing; who shows what came shows this with it. */
  hush(id: ConnectionId): boolean {
    clearTimeout(this.#heard.get(id))
    return this.#heard.delete(id)
  }

  #stopped(id: ConnectionId): void {
    if (this.hush(id)) this.#changed(id)
  }

  stop(): void {
    for (const timer of this.#heard.values()) clearTimeout(timer)
    this.#heard.clear()
  }
}
