import 'fake-indexeddb/auto'
import { beforeEach, expect, test, vi } from 'vitest'
import { sha256 } from '../../shared/crypto/hash.ts'
import { newKey, newUserId, randomBytes } from '../../shared/crypto/random.ts'
import { openAccountKey, sealAccountKey, unlockKeys } from '../../shared/crypto/unlock.ts'
import { openDevice } from '../../shared/device/db.ts'
import { isAppError } from '../../shared/errors.ts'
import { type Bytes, concat } from '../../shared/format/bytes.ts'
import type { Crypto } from '../workers/crypto.ts'
import {
  dropStalePasskey,
  hasPasskey,
  isPasskeyPossible,
  makePasskey,
  openByPasskey,
  removePasskey,
} from './passkey.ts'

const crypto = { unlockKeys, sealAccountKey, openAccountKey } as unknown as Crypto
const user = { userId: newUserId(), identityKey: newKey() }

/** An authenticator with a secret of its own, as far as WebAuthn shows it. */
function authenticator(options: { prf?: boolean; late?: boolean } = {}) {
  const { prf = true, late = false } = options
  const id = randomBytes(32)
  const own = newKey()
  const answer = async (input: Bytes, isMaking: boolean) => {
    const results = { first: (await sha256(concat(own, input))).buffer }
    const outputs = isMaking ? { enabled: true, ...(late ? {} : { results }) } : { results }
    return { rawId: id.buffer, getClientExtensionResults: () => (prf ? { prf: outputs } : {}) } as unknown as Credential
  }
  const inputOf = (asked: { extensions?: AuthenticationExtensionsClientInputs | undefined } | undefined) =>
    asked?.extensions?.prf?.eval?.first as Bytes
  return {
    create: vi.fn(async (asked?: CredentialCreationOptions) => answer(inputOf(asked?.publicKey), true)),
    get: vi.fn(async (asked?: CredentialRequestOptions) => answer(inputOf(asked?.publicKey), false)),
  }
}
const codeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'fine',
    (error: unknown) => (isAppError(error) ? error.code : String(error)),
  )

beforeEach(async () => {
  vi.stubGlobal('location', { hostname: 'kith.example' })
  await removePasskey()
})

test.each([{}, { late: true }])('what it sealed it opens, without a server (%o)', async (options) => {
  const device = authenticator(options)
  const accountKey = newKey()
  await makePasskey(crypto, user, accountKey, device)
  expect(await hasPasskey()).toBe(true)
  expect(await openByPasskey(crypto, user, device)).toEqual(accountKey)
})

test('nothing tells the authenticator who it is, and the person is asked for each time', async () => {
  const device = authenticator()
  await makePasskey(crypto, user, newKey(), device)
  await openByPasskey(crypto, user, device)
  const made = device.create.mock.calls[0]?.[0]?.publicKey
  expect([made?.user.name, made?.user.displayName, made?.attestation]).toEqual(['Kith', 'Kith', 'none'])
  expect(made?.authenticatorSelection?.userVerification).toBe('required')
  expect(device.get.mock.calls[0]?.[0]?.publicKey?.userVerification).toBe('required')
})

test('an authenticator without the function leaves nothing behind', async () => {
  expect(await codeOf(makePasskey(crypto, user, newKey(), authenticator({ prf: false })))).toBe('passkey/unsupported')
  expect(await hasPasskey()).toBe(false)
})

test('called off: said so, and nothing is kept', async () => {
  const device = authenticator()
  device.create.mockRejectedValueOnce(new DOMException('', 'NotAllowedError'))
  expect(await codeOf(makePasskey(crypto, user, newKey(), device))).toBe('passkey/cancelled')
  expect(await hasPasskey()).toBe(false)
})

test('another authenticator, another account, or a changed record opens nothing', async () => {
  const device = authenticator()
  await makePasskey(crypto, user, newKey(), device)
  expect(await codeOf(openByPasskey(crypto, user, authenticator()))).toBe('passkey/foreign')
  expect(await codeOf(openByPasskey(crypto, { ...user, userId: newUserId() }, device))).toBe('passkey/foreign')
  expect(await codeOf(openByPasskey(crypto, { ...user, identityKey: newKey() }, device))).toBe('passkey/foreign')
  const db = await openDevice()
  const row = await db.get('passkey', 'current')
  if (!row) throw new Error('there is one')
  const sealed = row.sealed.slice()
  sealed[40] = (sealed[40] ?? 0) ^ 1
  await db.put('passkey', { ...row, sealed }, 'current')
  expect(await codeOf(openByPasskey(crypto, user, device))).toBe('passkey/foreign')
})

test('it goes when the account gets another key, and stays when it does not', async () => {
  const accountKey = newKey()
  await makePasskey(crypto, user, accountKey, authenticator())
  await dropStalePasskey(accountKey)
  expect(await hasPasskey()).toBe(true)
  await dropStalePasskey(newKey())
  expect(await hasPasskey()).toBe(false)
  expect(await codeOf(openByPasskey(crypto, user, authenticator()))).toBe('key/unavailable')
})

test.each([
  ['that says so', { 'extension:prf': true }, true],
  ['without the secret that opens', { 'extension:prf': false }, false],
  ['that does not know this one', { conditionalGet: true }, true],
])('offered by a browser %s: %o', async (_what, capabilities, isPossible) => {
  vi.stubGlobal('isSecureContext', true)
  vi.stubGlobal('PublicKeyCredential', class {})
  expect(await isPasskeyPossible()).toBe(true)
  vi.stubGlobal('PublicKeyCredential', Object.assign(class {}, { getClientCapabilities: async () => capabilities }))
  expect(await isPasskeyPossible()).toBe(isPossible)
  vi.stubGlobal('PublicKeyCredential', undefined)
  expect(await isPasskeyPossible()).toBe(false)
})
