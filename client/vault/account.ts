import { epochKeys } from '../../shared/crypto/group-key.ts'
import { proveInviteForSignup } from '../../shared/crypto/invite.ts'
import { newDeviceId, newKey, newUserId, randomBytes } from '../../shared/crypto/random.ts'
import { recoveryKeyFrom, recoveryPublicKey, recoveryWords, signRecovery } from '../../shared/crypto/recovery.ts'
import type { DeviceAccount } from '../../shared/device/db.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import { toBase64Url } from '../../shared/format/base64url.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { DeviceId, UserId } from '../../shared/format/ids.ts'
import { parseUsername } from '../../shared/format/username.ts'
import { checkUnlockMethods, type IdentityPin, replayIdentity, verifyStatement } from '../../shared/logs/identity.ts'
import { hashEntry, type SignedEntry } from '../../shared/logs/signed.ts'
import {
  changePassword,
  createAccount,
  finishRecovery,
  finishSignIn,
  readIdentity,
  readUnlockBoxes,
  type Session,
  startRecovery,
  startRegistration,
  startSignIn,
  type UnlockMethod,
} from '../../shared/wire/accounts.ts'
import type { Api } from '../app/api.ts'
import { isPassing, isUnanswered } from '../app/passing.ts'
import { prepareGroup } from '../groups/group-keys.ts'
import type { OpenedInvite } from '../groups/join.ts'
import { sealGroupName } from '../groups/profile.ts'
import type { Crypto } from '../workers/crypto.ts'
import type { Slot } from '../workers/opaque.ts'
import { encodeItem, groupItem, groupItemName, identityItem, settingsItem } from './items.ts'
import { actorFrom, firstStatement, nextStatement, type Secrets, secretsFrom } from './secrets.ts'

/** OPAQUE's last message, RFC 9807 §6.1: a MAC of SHA-512. */
const FINISH_BYTES = 64

/** An account that this device may use from now on. */
export type Opened = {
  readonly session: Session
  readonly accountKey: Bytes
  readonly serverKey: string
  /** Newest statement of the identity log, verified. */
  readonly identity: IdentityPin
}

/** Where somebody signs in. */
type Device = {
  readonly deviceId: DeviceId
  /** What it knows of the account that was used on it before. */
  readonly known: DeviceAccount | null
}
/** A device that a password is typed on. */
export type SignInDevice = Device & {
  /** Called when it was the destruction password of the known account: nothing that lies here may be opened again. */
  readonly destroy: () => Promise<void>
  /** How long the server's first answer is waited for; missing: as long as for any. */
  readonly patienceMs?: number
}

export type NewAccount = {
  readonly username: string
  readonly password: string
  /** Name of the first circle; only the first account makes one. */
  readonly circleName: string | null
  readonly invite: OpenedInvite | null
}

/** What signing up and in needs. */
export type AccountPorts = { readonly api: Api; readonly crypto: Crypto }

/** Makes keys, groups and vault here, and the account there, in one request. */
export async function signUp({ api, crypto }: AccountPorts, wanted: NewAccount, nowMs: number): Promise<Opened> {
  const username = parseUsername(wanted.username)
  const [userId, deviceId] = [newUserId(), newDeviceId()]
  const [accountKey, recoveryKey] = [newKey(), newKey()]
  const identityKeys = { seed: newKey(), agreementSeed: newKey() }
  const secrets = await secretsFrom(crypto, userId, accountKey, identityKeys)
  const registered = await register({ api, crypto }, username, wanted.password)
  const [password, recovery] = await Promise.all([
    crypto.unlockKeys('password', registered.exportKey),
    crypto.unlockKeys('recovery', recoveryKey),
  ])
  const methods = [
    { method: 'password' as const, keys: password },
    { method: 'recovery' as const, keys: recovery },
  ]
  const listed = methods.map(({ method, keys }) => ({ method, publicKey: keys.publicKey }))
  const identity = firstStatement(secrets, username, listed, nowMs)
  const actor = actorFrom(secrets, identity)
  const personal = await prepareGroup(crypto, actor, identity, 'personal', nowMs)
  const groups = [personal]
  if (wanted.circleName !== null) {
    const circle = await prepareGroup(crypto, actor, identity, 'circle', nowMs)
    const { meta } = await epochKeys(circle.key, circle.groupId, 1)
    const profile = await sealGroupName(circle.state, actor, meta, 1, wanted.circleName)
    groups.push({ ...circle, group: { ...circle.group, profile } })
  }
  const items = new Map([
    ['identity', encodeItem(identityItem, identityKeys)],
    ['settings', encodeItem(settingsItem, { serverKey: registered.serverKey, unconfirmedRecovery: recoveryKey })],
    ...groups.map(({ groupId, item }) => [groupItemName(groupId), encodeItem(groupItem, item)] as const),
  ])
  const vault = await crypto.sealVaultWrite(secrets, null, items)
  const { identityKey } = secrets
  const unlock = await Promise.all(
    methods.map(async ({ method, keys }) => ({
      method,
      sealed: await crypto.sealAccountKey(keys, { userId, identityKey, method }, accountKey),
    })),
  )
  const session = await api.call(createAccount, {
    body: {
      userId,
      deviceId,
      records: { password: registered.record, destruction: null },
      identity,
      recoveryKey: await recoveryPublicKey(recoveryKey),
      unlock,
      vault: vault.write,
      groups: groups.map(({ group }) => group),
      invite: wanted.invite && (await proveInviteForSignup(wanted.invite.ticket, userId)),
    },
  })
  return { session, accountKey, serverKey: registered.serverKey, identity: pinOf(verifyStatement(identity)) }
}

/**
 * Signs in: both slots in parallel, and the one that opens is finished (docs/protocol.md §3). A wrong password and the
 * destruction password take the same steps and fail alike.
 * @param device what it knows of server and identity is held against what is shown.
 * @throws {AppError} `auth/failed`, `auth/server-changed`, `identity/…`, `box/tampered`, `auth/rate-limited`
 */
export async function signIn(
  { api, crypto }: AccountPorts,
  credentials: { username: string; password: string },
  { deviceId, known, destroy, patienceMs }: SignInDevice,
): Promise<Opened> {
  const username = nameOrFailed(credentials.username)
  const { password } = credentials
  const slots: readonly Slot[] = [0, 1]
  const started = await Promise.all(slots.map(() => crypto.startOpaqueSignIn(password)))
  const requests = started.map(({ request }) => request)
  const waiting = patienceMs === undefined ? {} : { signal: AbortSignal.timeout(patienceMs) }
  const { signInId, responses } = await api.call(startSignIn, { body: { username, requests }, ...waiting })
  const finished = await Promise.all(
    slots.map((slot) => {
      const state = started[slot]?.state ?? ''
      return crypto.finishOpaqueSignIn(username, slot, password, { state, response: responses[slot] ?? '' })
    }),
  )
  const slot = finished[1] && !finished[0] ? 1 : 0
  const opened = finished[slot]
  if (known && opened && opened.serverKey !== known.serverKey) {
    throw new AppError('auth/server-changed', 'another server answers at this address')
  }
  // One request fewer for a wrong password would tell a watcher who has a destruction password.
  const finish = opened?.finish ?? toBase64Url(randomBytes(FINISH_BYTES))
  // Whether the server hears of it or not; beside the request, so that the time does not tell.
  const destroyed = slot === 1 && known?.username === username ? destroy() : undefined
  const session = await api.call(finishSignIn, { body: { signInId, slot, finish, deviceId } }).finally(() => destroyed)
  if (!opened || slot === 1) throw new AppError('auth/failed', 'not the password of this account')
  if (session.username !== username) throw new AppError('server/bad-answer', 'a session of somebody else')
  const unlock = { method: 'password' as const, secret: opened.exportKey }
  const { accountKey, identity } = await openAccount({ api, crypto }, session, unlock, known)
  return { session, accountKey, serverKey: opened.serverKey, identity }
}

/** Signs in by the 24 words and sets a new password. @throws {AppError} `recovery/failed`, `identity/…`, `box/tampered` */
export async function recover(
  { api, crypto }: AccountPorts,
  wanted: { username: string; words: string; newPassword: string },
  { deviceId, known }: Device,
  readIdentityItem: (session: Session, accountKey: Bytes) => Promise<Secrets>,
): Promise<Opened> {
  const username = nameOrFailed(wanted.username)
  const recoveryKey = recoveryKeyFrom(wanted.words)
  const { challengeId, challenge } = await api.call(startRecovery, { body: { username } })
  const sig = await signRecovery(recoveryKey, challenge)
  const session = await api.call(finishRecovery, { body: { challengeId, sig, deviceId } })
  if (session.username !== username) throw new AppError('server/bad-answer', 'a session of somebody else')
  const unlock = { method: 'recovery' as const, secret: recoveryKey }
  const { accountKey, statement } = await openAccount({ api, crypto }, session, unlock, known)
  const secrets = await readIdentityItem(session, accountKey)
  const passwords = { password: wanted.newPassword, destruction: null }
  const replaced = await replacePasswords({ api, crypto }, username, secrets, statement, passwords)
  return { session, accountKey, ...replaced }
}

/**
 * A new password, and with it a new or no destruction password; every other session ends. The session has to be fresh.
 * @throws {AppError} `auth/expired`, `log/conflict`; `account/unanswered` when it may have been done all the same
 */
export async function replacePasswords(
  { api, crypto }: AccountPorts,
  username: string,
  secrets: Secrets,
  identity: SignedEntry,
  { password, destruction }: { readonly password: string; readonly destruction: string | null },
): Promise<{ serverKey: string; identity: IdentityPin }> {
  const registered = await register({ api, crypto }, username, password)
  const second = destruction === null ? null : await register({ api, crypto }, username, destruction, 1)
  const { userId, accountKey } = secrets
  const method = 'password' as const
  const keys = await crypto.unlockKeys(method, registered.exportKey)
  const next = nextStatement(secrets, identity, { method, publicKey: keys.publicKey }, Date.now())
  const place = { userId, identityKey: secrets.identityKey, method }
  const sealed = await crypto.sealAccountKey(keys, place, accountKey)
  const body = {
    records: { password: registered.record, destruction: second?.record ?? null },
    unlock: [{ method, sealed }],
    ifIdentityHead: hashEntry(identity),
    identity: next,
  }
  await api.call(changePassword, { body }).catch(async (error: unknown) => {
    // A conflict may be with this very change, which something on the way has sent a second time.
    const isInDoubt = isUnanswered(error) || isAppError(error, 'log/conflict')
    if (!isInDoubt || !(await isNewest(api, userId, identity, next))) throw error
  })
  return { serverKey: registered.serverKey, identity: pinOf(verifyStatement(next)) }
}

/**
 * Whether the server has taken `sent`, and with it, in one transaction, all that came with it. Nobody else can have signed it; that a
 * server shows it and has kept the old records all the same is no more than it could do by answering: the next sign-in fails, as it
 * can make any, while this device opens by the new password and every other one by the recovery key.
 * @throws {AppError} `account/unanswered` where it still does not answer; what a false log is refused with
 */
async function isNewest(api: Api, userId: UserId, before: SignedEntry, sent: SignedEntry): Promise<boolean> {
  const { entries } = await api.call(readIdentity, { params: { userId } }).catch((cause: unknown) => {
    if (!isPassing(cause) && !isUnanswered(cause)) throw cause
    throw new AppError('account/unanswered', 'nobody says whether the passwords were changed', { cause })
  })
  const { head } = replayIdentity(entries, pinOf(verifyStatement(before)), userId)
  return equalBytes(head, hashEntry(sent))
}

/** The words to write down. */
export const wordsOf = (recoveryKey: Bytes): string[] => recoveryWords(recoveryKey)

async function register({ api, crypto }: AccountPorts, username: string, password: string, slot: Slot = 0) {
  const { state, request } = await crypto.startOpaqueRegistration(password)
  // One answer for each slot, in their order.
  const requests = slot === 0 ? [request] : [request, request]
  const { responses } = await api.call(startRegistration, { body: { username, requests } })
  return crypto.finishOpaqueRegistration(username, slot, password, { state, response: responses[slot] ?? '' })
}

async function openAccount(
  { api, crypto }: AccountPorts,
  { userId }: Session,
  { method, secret }: { readonly method: UnlockMethod; readonly secret: Bytes },
  known: DeviceAccount | null,
): Promise<{ accountKey: Bytes; identity: IdentityPin; statement: SignedEntry }> {
  const { entries } = await api.call(readIdentity, { params: { userId } })
  const pin = known?.userId === userId ? known.identity : null
  const identity = replayIdentity(entries, pin ?? undefined, userId)
  const { boxes } = await api.call(readUnlockBoxes)
  checkUnlockMethods(
    identity,
    boxes.map((box) => box.method),
  )
  const keys = await crypto.unlockKeys(method, secret)
  const listed = identity.unlockMethods.find((known) => known.method === method)
  if (!listed || !equalBytes(listed.publicKey, keys.publicKey)) {
    throw new AppError('identity/foreign-method', 'the identity lists another key for this way to unlock')
  }
  const box = boxes.find((known) => known.method === method)
  if (!box) throw new AppError('box/tampered', 'the server shows no sealed account key')
  const place = { userId, identityKey: identity.identityKey, method }
  const accountKey = await crypto.openAccountKey(keys, place, box.sealed)
  return { accountKey, identity: pinOf(identity), statement: entries.at(-1) as SignedEntry }
}

function pinOf({ seq, head, identityKey }: IdentityPin): IdentityPin {
  return { seq, head, identityKey }
}

/** A name that no account can have fails as any wrong one does. */
function nameOrFailed(typed: string): string {
  try {
    return parseUsername(typed)
  } catch (cause) {
    throw new AppError('auth/failed', 'not a user name', { cause })
  }
}
