import * as z from 'zod/mini'
import { inviteProof, newGroup } from './groups.ts'
import { bytes, deviceId, hash, natural, opaqueText, signedEntry, timeMs, typedUsername, userId } from './primitives.ts'
import { route } from './route.ts'
import { vaultWrite } from './vault.ts'

export const unlockMethod = z.enum(['password', 'recovery', 'passkey'])
/** HMAC-SHA-256, X-Wing ciphertext, account key, tag. */
export const UNLOCK_BOX_BYTES = 32 + 1120 + 32 + 16
/** The account key, sealed to a method's public key and vouched for by its secret (docs/protocol.md §3). */
export const unlockBox = z.strictObject({ method: unlockMethod, sealed: bytes(UNLOCK_BOX_BYTES) })
/** OPAQUE records: slot 0 is the password, slot 1 the destruction password, if there is one. */
export const passwordRecords = z.strictObject({ password: opaqueText, destruction: z.nullable(opaqueText) })
export const session = z.strictObject({
  userId,
  username: z.string(),
  deviceId,
  ownsInstance: z.boolean(),
  expiresAt: timeMs,
})
export type UnlockMethod = z.output<typeof unlockMethod>
export type UnlockBox = z.output<typeof unlockBox>
export type Session = z.output<typeof session>

/** What anybody may know before signing in. */
export const readInstance = route('GET', '/api/instance', {
  reply: z.strictObject({
    version: z.string(),
    needsOwner: z.boolean(),
    signup: z.enum(['invite', 'open']),
    putMaxBytes: natural,
    objectMaxBytes: natural,
  }),
})
/** OPAQUE registration, one request for each slot; the server keeps no state between the steps. */
export const startRegistration = route('POST', '/api/accounts/registration', {
  body: z.strictObject({
    username: typedUsername,
    requests: z.array(opaqueText).check(z.minLength(1), z.maxLength(2)),
  }),
  reply: z.strictObject({ responses: z.array(opaqueText) }),
})
/** Everything of a new account in one transaction; answers with a session. */
export const createAccount = route('POST', '/api/accounts', {
  body: z.strictObject({
    userId,
    deviceId,
    records: passwordRecords,
    /** First statement of the identity log; it names userId and username. */
    identity: signedEntry,
    /** Ed25519, docs/protocol.md §3 "Recovery without the password". */
    recoveryKey: bytes(32),
    unlock: z.array(unlockBox).check(z.minLength(2), z.maxLength(3)),
    vault: vaultWrite,
    groups: z.array(newGroup).check(z.minLength(1), z.maxLength(2)),
    /** Needed unless this is the first account or sign-up is open; `sig`: label `kith/v1/invite-signup` over groupId ‖ inviteId ‖ userId. */
    invite: z.nullable(inviteProof),
  }),
  reply: session,
})
/** Both slots, always; unknown names and unset slots get a fake answer. Valid once, for 60 s. */
export const startSignIn = route('POST', '/api/sessions/start', {
  body: z.strictObject({ username: typedUsername, requests: z.array(opaqueText).check(z.length(2)) }),
  reply: z.strictObject({ signInId: opaqueText, responses: z.array(opaqueText).check(z.length(2)) }),
})
export const finishSignIn = route('POST', '/api/sessions', {
  body: z.strictObject({
    signInId: opaqueText,
    slot: z.union([z.literal(0), z.literal(1)]),
    finish: opaqueText,
    deviceId,
  }),
  reply: session,
})
export const readSession = route('GET', '/api/sessions/current', { reply: session })
/** Where this account is signed in; the server knows devices by random ids, not by names. */
export const listSessions = route('GET', '/api/sessions', {
  reply: z.strictObject({
    sessions: z.array(
      z.strictObject({ sessionId: opaqueText, createdAt: timeMs, seenAt: timeMs, isCurrent: z.boolean() }),
    ),
  }),
})
/**
 * Signs a device out from afar: with its next word to the server it is told `auth/removed`, and forgets everything.
 * `others`: all but this one. Idempotent. Needs a session younger than 10 minutes, as it erases those devices.
 */
export const removeSession = route('DELETE', '/api/sessions/:sessionId', {
  params: z.strictObject({ sessionId: z.union([z.literal('others'), opaqueText]) }),
})
export const signOut = route('DELETE', '/api/sessions/current')
/** The boxes of the account key, one for each unlock method. */
export const readUnlockBoxes = route('GET', '/api/account/unlock', {
  reply: z.strictObject({ boxes: z.array(unlockBox) }),
})
/**
 * A new password: new records, boxes of the account key and the identity statement that lists the new
 * method key, in one transaction. Every other device is signed out, as by `removeSession`. Needs a session younger
 * than 10 minutes.
 */
export const changePassword = route('PUT', '/api/account/password', {
  body: z.strictObject({
    records: passwordRecords,
    unlock: z.array(unlockBox).check(z.minLength(1), z.maxLength(3)),
    ifIdentityHead: hash,
    identity: signedEntry,
  }),
})
/** Unknown names get a challenge too. */
export const startRecovery = route('POST', '/api/recovery/start', {
  body: z.strictObject({ username: typedUsername }),
  reply: z.strictObject({ challengeId: opaqueText, challenge: bytes(32) }),
})
/** `sig`: label `kith/v1/recovery` over the challenge. Answers with a session; then `changePassword`. */
export const finishRecovery = route('POST', '/api/recovery/finish', {
  body: z.strictObject({ challengeId: opaqueText, sig: bytes(64), deviceId }),
  reply: session,
})
export const readIdentity = route('GET', '/api/identities/:userId', {
  params: z.strictObject({ userId }),
  reply: z.strictObject({ entries: z.array(signedEntry) }),
})
export const appendIdentity = route('POST', '/api/identities', {
  body: z.strictObject({ ifHead: hash, entry: signedEntry }),
})
