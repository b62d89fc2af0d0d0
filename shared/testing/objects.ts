import { sha256 } from '../crypto/hash.ts'
import type { ObjectName } from '../crypto/object-key.ts'
import { newKey, newMediaId } from '../crypto/random.ts'
import { type Bytes, concat, u32, utf8 } from '../format/bytes.ts'

/** Small chunks keep tests of many chunks fast. */
export const LOG2 = 12
export const CHUNK = 2 ** LOG2

export const newObject = (): ObjectName => ({ contentKey: newKey(), mediaId: newMediaId(), name: 'original' })

/** The plaintext of `shared/vectors/object.json`: SHA-256("plain " ‖ seed ‖ u32 i), cut to `length`. */
export async function plaintext(seed: string, length: number): Promise<Bytes> {
  const parts: Bytes[] = []
  for (let i = 0; i * 32 < length; i++) parts.push(await sha256(concat(utf8(`plain ${seed}`), u32(i))))
  return concat(...parts).slice(0, length)
}

/** `bytes` as they might arrive: cut at these places, also into empty parts. */
export async function* split(bytes: Uint8Array, cuts: readonly number[] = []): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    yield bytes.subarray(at, cut)
    at = cut
  }
  yield bytes.subarray(at)
}

export async function collect(parts: AsyncIterable<Uint8Array>): Promise<Bytes> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return concat(...all)
}

export const flip = (bytes: Bytes, at: number): Bytes => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
