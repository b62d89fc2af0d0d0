import type { CryptoOffer } from './crypto.worker.ts'
import { type Remote, remote } from './rpc.ts'

/** Argon2id on an old phone, several times over. */
const TIMEOUT_MS = 120_000

export type Crypto = Remote<CryptoOffer>

/** Starts the Web Worker on first use. */
export function startCrypto(): Crypto {
  let started: Crypto | undefined
  const start = (): Crypto => {
    started ??= remote<CryptoOffer>(
      new Worker(new URL('./crypto.worker.ts', import.meta.url), { type: 'module', name: 'crypto' }),
      TIMEOUT_MS,
    )
    return started
  }
  return new Proxy({} as Crypto, { get: (_, name) => start()[name as keyof Crypto] })
}
