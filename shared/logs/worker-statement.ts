import * as z from 'zod/mini'
import type { Bytes } from '../format/bytes.ts'
import { bytes, timeMs, workerId } from '../wire/primitives.ts'
import { AGREEMENT_KEY_BYTES } from './identity.ts'
import { checkSignature, decodeUnverified, type SignedEntry } from './signed.ts'

/** docs/protocol.md §6: a worker's own statement of its keys. */
export const WORKER_LABEL = 'kith/v1/worker'

export const workerStatement = z.strictObject({
  v: z.literal(1),
  workerId,
  identityKey: bytes(32),
  agreementKey: bytes(AGREEMENT_KEY_BYTES),
  createdAt: timeMs,
})
export type WorkerStatement = z.output<typeof workerStatement>
export type VerifiedWorker = WorkerStatement & { readonly head: Bytes }

/** Signed by the key it names. @throws {AppError} `log/bad-entry`, `log/bad-signature` */
export function verifyWorkerStatement(entry: SignedEntry): VerifiedWorker {
  const statement = decodeUnverified(workerStatement, entry.bytes)
  const head = checkSignature(WORKER_LABEL, entry, statement.identityKey)
  return { ...statement, head }
}
/** Label of the challenge by which a worker signs in to the server. */
export const WORKER_AUTH_LABEL = 'kith/v1/worker-auth'
