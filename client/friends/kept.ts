import * as z from 'zod/mini'
import { importAesKey, openAes, sealAes } from '../../shared/crypto/aes-gcm.ts'
import { hkdf } from '../../shared/crypto/hkdf.ts'
import { openDevice } from '../../shared/device/db.ts'
import { ERROR_CODES } from '../../shared/errors.ts'
import { type Bytes, fromUtf8, utf8 } from '../../shared/format/bytes.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { connectionView } from '../../shared/wire/connections.ts'
import { bytes, natural, signedEntry } from '../../shared/wire/primitives.ts'

const keptConnection = z.strictObject({
  view: connectionView,
  entries: z.array(signedEntry),
  /** Of whoever asked, as it was verified then: name and key are those that they signed. */
  peer: z.nullable(
    z.strictObject({
      username: z.string(),
      identityKey: bytes(32),
      pin: z.strictObject({ seq: natural, head: bytes(32) }),
    }),
  ),
  note: z.nullable(z.string()),
  /** Why the friend may not be who they were: until their identity is found to be the known one again. */
  doubt: z.optional(z.nullable(z.enum(ERROR_CODES))),
})
/** A connection as the server last showed it, verified. */
export type KeptConnection = z.output<typeof keptConnection>

/** Outlives a lock, so that friends and conversations are there without network. */
export class KeptConnections {
  readonly #key: Promise<CryptoKey>

  constructor(accountKey: Bytes) {
    this.#key = hkdf(accountKey, '', 'kith/v1/device-connections', 32).then(importAesKey)
  }

  async write(kept: KeptConnection): Promise<void> {
    const { connectionId } = kept.view
    const plain = utf8(JSON.stringify(z.encode(keptConnection, kept)))
    const sealed = await sealAes(await this.#key, plain, utf8(connectionId))
    await (await openDevice()).put('connections', sealed, connectionId)
  }

  async remove(connection: ConnectionId): Promise<void> {
    await (await openDevice()).delete('connections', connection)
  }

  /** What another account left here, or a damaged row, is as if it were not there: the server is asked. */
  async list(): Promise<KeptConnection[]> {
    const db = await openDevice()
    const ids = await db.getAllKeys('connections')
    const rows = await Promise.all(ids.map((id) => this.#open(id)))
    return rows.filter((row) => row !== null)
  }

  async #open(id: ConnectionId): Promise<KeptConnection | null> {
    const sealed = await (await openDevice()).get('connections', id)
    if (!sealed) return null
    try {
      return z.decode(keptConnection, JSON.parse(fromUtf8(await openAes(await this.#key, sealed, utf8(id)))))
    } catch {
      return null
    }
  }
}
