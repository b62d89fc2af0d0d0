import { describe, expect, it } from 'vitest'
import { isAppError, TamperedError } from '../errors.ts'
import { type Bytes, concat, u64, utf8 } from '../format/bytes.ts'
import { HEADER_BYTES, layoutOf, sealedChunk } from '../format/layout.ts'
import { CHUNK, flip, LOG2, newObject, plaintext, split } from '../testing/objects.ts'
import { chunkNonce, deriveObjectKey, xorMask } from './object-key.ts'
import { openStream } from './object-stream.ts'
import { openHeader, openObject, openRange } from './open-object.ts'
import { newKey, newMediaId, randomBytes } from './random.ts'
import { sealObject } from './seal-object.ts'

const object = newObject()
const LENGTH = 3 * CHUNK - 7
const layout = layoutOf(3 * CHUNK, LOG2)
const chunkOf = (sealed: Bytes, index: number) => sealed.slice(...sealedChunk(layout, index))
const swapChunks = (sealed: Bytes): Bytes =>
  concat(sealed.slice(0, HEADER_BYTES), chunkOf(sealed, 1), chunkOf(sealed, 0), chunkOf(sealed, 2))
/** The true length is no secret to a store that has seen the file elsewhere: it can make the header say any other. */
const claim = (sealed: Bytes, trueBytes: number): Bytes => {
  const masked = xorMask(xorMask(sealed.subarray(16, 24), u64(LENGTH)), u64(trueBytes))
  return concat(sealed.subarray(0, 16), masked, sealed.subarray(24))
}
const setByte = (sealed: Bytes, at: number, to: number): Bytes => sealed.map((byte, i) => (i === at ? to : byte))

type Attack = [attack: string, code: string, (sealed: Bytes, sibling: Bytes) => Bytes]
const attacks: Attack[] = [
  ['flipped in its first chunk', 'object/tampered', (s) => flip(s, HEADER_BYTES)],
  ['flipped in its last tag', 'object/tampered', (s) => flip(s, s.length - 1)],
  ['truncated by a byte', 'object/wrong-size', (s) => s.slice(0, -1)],
  ['truncated by a chunk', 'object/wrong-size', (s) => s.slice(0, sealedChunk(layout, 2)[0])],
  ['truncated to its header', 'object/wrong-size', (s) => s.slice(0, HEADER_BYTES)],
  ['truncated inside its header', 'object/bad-header', (s) => s.slice(0, 40)],
  ['emptied', 'object/bad-header', () => new Uint8Array(0)],
  ['extended', 'object/wrong-size', (s) => concat(s, new Uint8Array(1))],
  ['extended by its own last chunk', 'object/wrong-size', (s) => concat(s, chunkOf(s, 2))],
  ['reordered', 'object/tampered', swapChunks],
  ['given a chunk twice', 'object/tampered', (s) => concat(s.slice(0, -(CHUNK + 16)), chunkOf(s, 1))],
  ['given other chunks', 'object/tampered', (s, o) => concat(s.slice(0, HEADER_BYTES), o.slice(HEADER_BYTES))],
  ['given another header', 'object/tampered', (s, o) => concat(o.slice(0, HEADER_BYTES), s.slice(HEADER_BYTES))],
  ['given another salt', 'object/wrong-key', (s) => flip(s, 24)],
  ['given a sibling’s salt', 'object/wrong-key', (s, o) => concat(s.slice(0, 24), o.slice(24, 40), s.slice(40))],
  ['given another commitment', 'object/wrong-key', (s) => flip(s, 40)],
  ['lying about its magic', 'object/bad-header', (s) => flip(s, 0)],
  ['lying about its suite', 'object/bad-header', (s) => flip(s, 4)],
  ['lying about its chunk size', 'object/wrong-size', (s) => flip(s, 5)],
  ['lying with a chunk size too small', 'object/bad-header', (s) => setByte(s, 5, 11)],
  ['lying with a chunk size too large', 'object/bad-header', (s) => setByte(s, 5, 23)],
  ['lying in its reserved field', 'object/bad-header', (s) => flip(s, 7)],
  ['lying about its padded length', 'object/wrong-size', (s) => flip(s, 15)],
  ['lying with an absurd padded length', 'object/bad-header', (s) => setByte(s, 8, 255)],
  ['lying that it is a byte shorter', 'object/tampered', (s) => claim(s, LENGTH - 1)],
  ['lying that it is a chunk shorter', 'object/tampered', (s) => claim(s, LENGTH - CHUNK)],
  ['lying that it is as long as its padding', 'object/tampered', (s) => claim(s, 3 * CHUNK)],
  ['lying that it is longer than its padding', 'object/tampered', (s) => claim(s, 3 * CHUNK + 1)],
  ['lying that it is empty', 'object/tampered', (s) => claim(s, 0)],
  ['lying absurdly about its length', 'object/tampered', (s) => flip(s, 16)],
]

describe('a hostile store', () => {
  it.each(attacks)('is refused an object that was %s (%s)', async (_, code, attack) => {
    const plain = await plaintext('attacked', LENGTH)
    const sealed = await sealObject(object, plain, randomBytes(16), LOG2)
    const sibling = await sealObject(object, await plaintext('sibling', LENGTH), randomBytes(16), LOG2)
    const bad = attack(sealed, sibling)
    expect(bad).not.toEqual(sealed)
    await expect(openObject(object, bad)).rejects.toMatchObject({ code })

    const seeking = async () => {
      const opened = await openHeader(object, bad.slice(0, HEADER_BYTES), bad.length)
      return openRange(opened, 0, Number.POSITIVE_INFINITY, async (from, to) => bad.slice(from, to))
    }
    await expect(seeking()).rejects.toMatchObject({ code })

    let leaked = 0
    const reading = (async () => {
      for await (const part of openStream(object, bad.length, split(bad))) {
        expect(part).toEqual(plain.subarray(leaked, leaked + part.length))
        leaked += part.length
      }
    })()
    await expect(reading).rejects.toMatchObject({ code })
  })

  it('is refused a stream that ends early or goes on, whatever size it told', async () => {
    const sealed = await sealObject(object, await plaintext('stream', 2 * CHUNK), randomBytes(16), LOG2)
    const read = async (bytes: Bytes) => {
      for await (const part of openStream(object, sealed.length, split(bytes))) expect(part).toHaveLength(CHUNK)
    }
    await expect(read(sealed.slice(0, -1))).rejects.toMatchObject({ code: 'object/wrong-size' })
    await expect(read(concat(sealed, new Uint8Array(9)))).rejects.toMatchObject({ code: 'object/wrong-size' })
  })

  it('is refused another object of the item, and the same object of another item', async () => {
    const sealed = await sealObject(object, utf8('hello'), randomBytes(16), LOG2)
    const wrongKey = { code: 'object/wrong-key' }
    await expect(openObject({ ...object, name: 'thumb' }, sealed)).rejects.toMatchObject(wrongKey)
    await expect(openObject({ ...object, mediaId: newMediaId() }, sealed)).rejects.toMatchObject(wrongKey)
    await expect(openObject({ ...object, contentKey: newKey() }, sealed)).rejects.toMatchObject(wrongKey)
  })

  it('learns from the error which chunk it was', async () => {
    const sealed = await sealObject(object, await plaintext('which', 3 * CHUNK), randomBytes(16), LOG2)
    const error = await openObject(object, flip(sealed, sealedChunk(layout, 1)[0])).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(TamperedError)
    expect((error as TamperedError).chunk).toBe(1)
    expect(isAppError(error, 'object/tampered')).toBe(true)
  })

  it.each([
    ['short', (sealed: Bytes, from: number, to: number) => sealed.slice(from, to - 1)],
    ['long', (sealed: Bytes, from: number, to: number) => sealed.slice(from, to + 1)],
    ['empty', () => new Uint8Array(0)],
  ])('gets no byte past a %s answer to a range', async (_, answer) => {
    const sealed = await sealObject(object, await plaintext('short', 2 * CHUNK), randomBytes(16), LOG2)
    const opened = await openHeader(object, sealed.slice(0, HEADER_BYTES), sealed.length)
    const reading = openRange(opened, 0, CHUNK, async (from, to) => answer(sealed, from, to))
    await expect(reading).rejects.toMatchObject({ code: 'object/wrong-size' })
  })
})

it('whoever has the key cannot hide anything in the padding', async () => {
  const salt = randomBytes(16)
  const honest = await sealObject(object, new Uint8Array(1001).fill(1), salt, LOG2)
  const header = honest.slice(0, HEADER_BYTES)
  const key = await deriveObjectKey(object, salt)
  const params = { name: 'AES-GCM', iv: chunkNonce(key, 0, true), additionalData: header }
  const padded = concat(new Uint8Array(1001).fill(1), new Uint8Array(22), new Uint8Array([1]))
  const sealed = concat(header, new Uint8Array(await crypto.subtle.encrypt(params, key.aesKey, padded)))
  expect(sealed).toHaveLength(honest.length)
  const opened = await openHeader(object, header, sealed.length)
  const tampered = { code: 'object/tampered', chunk: 0 }
  await expect(openRange(opened, 0, 9, async (from, to) => sealed.slice(from, to))).rejects.toMatchObject(tampered)
  await expect(openObject(object, sealed)).rejects.toMatchObject(tampered)
  await expect(openStream(object, sealed.length, split(sealed)).next()).rejects.toMatchObject(tampered)
})
