import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { AppError } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'
import { RECOVERY_LABEL } from '../logs/identity.ts'
import { hkdf } from './hkdf.ts'
import { publicKeyOf, sign } from './signing.ts'

/** The recovery key as 24 BIP-39 words. */
export function recoveryWords(recoveryKey: Bytes): string[] {
  return entropyToMnemonic(recoveryKey, wordlist).split(' ')
}

/** @throws {AppError} `recovery/failed` when a word is unknown or the words do not belong together. */
export function recoveryKeyFrom(words: string): Bytes {
  try {
    const key = new Uint8Array(mnemonicToEntropy(words.trim().toLowerCase().split(/\s+/).join(' '), wordlist))
    if (key.length === 32) return key
  } catch (cause) {
    throw new AppError('recovery/failed', 'these are not the words of a recovery key', { cause })
  }
  throw new AppError('recovery/failed', 'a recovery key has 24 words')
}

/** Public key by which the server recognises the recovery key. */
export async function recoveryPublicKey(recoveryKey: Bytes): Promise<Bytes> {
  return publicKeyOf(await authSeed(recoveryKey))
}

/** Answer to the server's challenge. */
export async function signRecovery(recoveryKey: Bytes, challenge: Bytes): Promise<Bytes> {
  return sign(await authSeed(recoveryKey), RECOVERY_LABEL, challenge)
}

function authSeed(recoveryKey: Bytes): Promise<Bytes> {
  return hkdf(recoveryKey, '', 'kith/v1/recovery-auth', 32)
}
