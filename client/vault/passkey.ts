import { openAes, sealAes } from '../../shared/crypto/aes-gcm.ts'
import { hkdf } from '../../shared/crypto/hkdf.ts'
import { randomBytes } from '../../shared/crypto/random.ts'
import type { UnlockPlace } from '../../shared/crypto/unlock.ts'
import { openDevice } from '../../shared/device/db.ts'
import { ensureKey, readKey, removeKey } from '../../shared/device/device-key.ts'
import { AppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes, utf8 } from '../../shared/format/bytes.ts'
import type { Crypto } from '../workers/crypto.ts'

/** WebAuthn Level 3, §10.1.4: the authenticator's pseudo-random function of this input is the secret. */
const PRF_INPUT_BYTES = 32
const PRF_BYTES = 32
const TIMEOUT_MS = 120_000

/** Whose device it is. */
type Owner = Omit<UnlockPlace, 'method'>

/** What of the browser is used; in tests another. */
type Credentials = Pick<CredentialsContainer, 'create' | 'get'>

/** Whether this browser knows passkeys that give a secret. One that does not tell is asked when a passkey is made. */
export async function isPasskeyPossible(): Promise<boolean> {
  if (!isSecureContext || typeof PublicKeyCredential !== 'function') return false
  const capabilities = await PublicKeyCredential.getClientCapabilities?.().catch(() => undefined)
  return capabilities?.['extension:prf'] !== false
}

export async function hasPasskey(): Promise<boolean> {
  return (await (await openDevice()).count('passkey')) > 0
}

/**
 * Lets a passkey unlock this device beside the password: its PRF output seeds the key pair of the unlock method
 * `passkey` (docs/protocol.md §3), and the account key sealed to that lies here under a key of its own. The server hears
 * nothing of it.
 * @throws {AppError} `passkey/cancelled`, `passkey/unsupported`; nothing is kept then.
 */
export async function makePasskey(
  crypto: Crypto,
  owner: Owner,
  accountKey: Bytes,
  credentials: Credentials = navigator.credentials,
): Promise<void> {
  const input = randomBytes(PRF_INPUT_BYTES)
  const made = await asked(() =>
    credentials.create({
      publicKey: {
        // Neither says who it is: it may be synchronised by others.
        rp: { id: location.hostname, name: 'Kith' },
        user: { id: randomBytes(16), name: 'Kith', displayName: 'Kith' },
        challenge: randomBytes(32),
        pubKeyCredParams: [
          { type: 'public-key', alg: -8 },
          { type: 'public-key', alg: -7 },
          { type: 'public-key', alg: -257 },
        ],
        authenticatorSelection: { userVerification: 'required', residentKey: 'preferred' },
        attestation: 'none',
        timeout: TIMEOUT_MS,
        extensions: { prf: { eval: { first: input } } },
      },
    }),
  )
  const credentialId = new Uint8Array(made.rawId)
  const { prf } = made.getClientExtensionResults()
  if (!prf?.enabled && !prf?.results) throw new AppError('passkey/unsupported', 'the authenticator has no PRF')
  // Some give the secret only when they are asked for the second time.
  const secret = secretIn(prf) ?? (await askSecret(credentials, credentialId, input))
  const keys = await crypto.unlockKeys('passkey', secret)
  const box = await crypto.sealAccountKey(keys, { ...owner, method: 'passkey' }, accountKey)
  const sealed = await sealAes(await ensureKey('passkey'), box, utf8('passkey'))
  const row = { credentialId, input, sealed, check: await checkOf(accountKey) }
  await (await openDevice()).put('passkey', row, 'current')
}

/** The account key. Works without network. @throws {AppError} `passkey/cancelled`, `passkey/foreign`, `key/unavailable` */
export async function openByPasskey(
  crypto: Crypto,
  owner: Owner,
  credentials: Credentials = navigator.credentials,
): Promise<Bytes> {
  const row = await (await openDevice()).get('passkey', 'current')
  const key = await readKey('passkey')
  if (!row || !key) throw new AppError('key/unavailable', 'no passkey on this device')
  const secret = await askSecret(credentials, row.credentialId, row.input)
  try {
    const keys = await crypto.unlockKeys('passkey', secret)
    const box = await openAes(key, row.sealed, utf8('passkey'))
    return await crypto.openAccountKey(keys, { ...owner, method: 'passkey' }, box)
  } catch (cause) {
    throw new AppError('passkey/foreign', 'the passkey does not open what is kept here', { cause })
  }
}

export async function removePasskey(): Promise<void> {
  await removeKey('passkey')
  await (await openDevice()).clear('passkey')
}

/** The account has another key now: what the passkey opens would open nothing. */
export async function dropStalePasskey(accountKey: Bytes): Promise<void> {
  const row = await (await openDevice()).get('passkey', 'current')
  if (row && !equalBytes(row.check, await checkOf(accountKey))) await removePasskey()
}

async function askSecret(credentials: Credentials, credentialId: Bytes, input: Bytes): Promise<Bytes> {
  const got = await asked(() =>
    credentials.get({
      publicKey: {
        rpId: location.hostname,
        challenge: randomBytes(32),
        allowCredentials: [{ type: 'public-key', id: credentialId }],
        userVerification: 'required',
        timeout: TIMEOUT_MS,
        extensions: { prf: { eval: { first: input } } },
      },
    }),
  )
  const secret = secretIn(got.getClientExtensionResults().prf)
  if (!secret) throw new AppError('passkey/unsupported', 'the authenticator gave no secret')
  return secret
}

/** The challenge is not looked at: nobody is proved anything to, the secret alone opens. */
async function asked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  let answer: Credential | null
  try {
    answer = await ask()
  } catch (cause) {
    const isCalledOff = cause instanceof DOMException && ['NotAllowedError', 'AbortError'].includes(cause.name)
    throw new AppError(isCalledOff ? 'passkey/cancelled' : 'passkey/unsupported', String(cause), { cause })
  }
  if (!answer) throw new AppError('passkey/cancelled', 'no passkey')
  return answer as PublicKeyCredential
}

function secretIn(prf: AuthenticationExtensionsPRFOutputs | undefined): Bytes | null {
  const first = prf?.results?.first
  if (!first) return null
  const secret = ArrayBuffer.isView(first)
    ? new Uint8Array(first.buffer, first.byteOffset, first.byteLength).slice()
    : new Uint8Array(first).slice()
  return secret.length === PRF_BYTES ? (secret as Bytes) : null
}

/** Says whether it is still the same account key, and nothing else. */
const checkOf = (accountKey: Bytes) => hkdf(accountKey, '', 'kith/v1/passkey-check', 16)
