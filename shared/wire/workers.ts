import * as z from 'zod/mini'
import { inviteProof } from './groups.ts'
import { bytes, opaqueText, signedEntry, timeMs, workerId } from './primitives.ts'
import { route } from './route.ts'

/** A worker makes itself known; `token` is the instance's worker token, or null when it joined by invite. Idempotent. */
export const registerWorker = route('POST', '/api/workers', {
  body: z.strictObject({ statement: signedEntry, token: z.nullable(opaqueText), invite: z.nullable(inviteProof) }),
})
export const startWorkerSession = route('POST', '/api/workers/challenge', {
  body: z.strictObject({ workerId }),
  reply: z.strictObject({ challengeId: opaqueText, challenge: bytes(32) }),
})
/** `sig`: label `kith/v1/worker-auth` over the challenge. The token goes into `Authorization: Bearer`. */
export const finishWorkerSession = route('POST', '/api/workers/session', {
  body: z.strictObject({ challengeId: opaqueText, sig: bytes(64) }),
  reply: z.strictObject({ token: opaqueText, expiresAt: timeMs }),
})
/** Workers known to the instance, for people who may enrol them. */
export const listWorkers = route('GET', '/api/workers', {
  reply: z.strictObject({
    workers: z.array(z.strictObject({ workerId, statement: signedEntry, lastSeenAt: timeMs, online: z.boolean() })),
  }),
})
