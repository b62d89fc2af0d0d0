import type { CryptoOffer } from './crypto.worker.ts'
import { takeCryptoWorker } from './crypto-worker.ts'
import { type Remote, remote } from './rpc.ts'

/** Argon2id on an old phone, several times over. */
const TIMEOUT_MS = 120_000

export type Crypto = Remote<CryptoOffer>

/** Starts the Web Worker on first use, and a new one after it broke down. */
export function startCrypto(): Crypto {
  let started: Crypto | undefined
  const start = (): Crypto => {
    if (started) return started
    const worker = takeCryptoWorker()
    const onBroken = () => {
      worker.terminate()
      started = undefined
    }
    started = remote<CryptoOffer>(worker, TIMEOUT_MS, onBroken)
    return started
  }
  return new Proxy({} as Crypto, { get: (_, name) => start()[name as keyof Crypto] })
}
