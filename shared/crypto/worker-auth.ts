import type { Bytes } from '../format/bytes.ts'
import { WORKER_AUTH_LABEL } from '../logs/worker-statement.ts'
import { sign } from './signing.ts'

/** A worker's answer to the server's challenge. */
export function signWorkerChallenge(identitySeed: Bytes, challenge: Bytes): Bytes {
  return sign(identitySeed, WORKER_AUTH_LABEL, challenge)
}
