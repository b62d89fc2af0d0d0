import type { Knex } from 'knex'
import type { Logger } from 'pino'
import type { Bytes } from '../shared/format/bytes.ts'
import type { BlobStore } from './blobs/blob-store.ts'
import type { Config } from './config.ts'
import type { Events } from './realtime/events.ts'
import type { Secrets } from './secrets.ts'

/** Milliseconds since 1970; tests turn it by hand. */
export interface Clock {
  now(): number
}
export const systemClock: Clock = { now: () => Date.now() }

/** Unpredictable bytes. */
export type Random = (length: number) => Bytes

/** What the rules of the server stand on; `main.ts` and the tests build it, nobody else. */
export interface Deps {
  /** With the origin settled: it is known once the server listens. */
  readonly config: Config & { readonly origin: string }
  /** One connection: inside a transaction use the transaction and never this, or it waits for itself. */
  readonly db: Knex
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly random: Random
  readonly events: Events
  readonly logger: Logger
  readonly secrets: Secrets
  /** Aborted when the server begins to stop: long polls end at once. */
  readonly stopping: AbortSignal
}
/** `Knex`, or the transaction that a rule takes part in. */
export type Db = Knex | Knex.Transaction
