import type { Bytes } from '../shared/format/bytes.ts'

/** Bytes of the contract from what the database gives: a `Buffer` may be a window on a shared pool. */
export function toBytes(stored: Uint8Array): Bytes {
  return new Uint8Array(stored)
}
