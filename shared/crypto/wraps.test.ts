import { describe, expect, it } from 'vitest'
import { type Bytes, concat, u32 } from '../format/bytes.ts'
import { idBytes } from '../format/ids.ts'
import { flip } from '../testing/objects.ts'
import { importAesKey, sealAes } from './aes-gcm.ts'
import { hkdf } from './hkdf.ts'
import { newGroupId, newKey, newMediaId, randomBytes } from './random.ts'
import { unwrapCardKey, unwrapContentKey, type WrapContext, wrapCardKey, wrapContentKey } from './wraps.ts'

const subkey = newKey()
const key = newKey()
const context: WrapContext = { mediaId: newMediaId(), groupId: newGroupId(), epoch: 3 }
const unavailable = { code: 'key/unavailable' }

describe('a wrapped key', () => {
  it.each([
    ['content', wrapContentKey, unwrapContentKey],
    ['card', wrapCardKey, unwrapCardKey],
  ])('of the %s is nonce, key and tag, fresh each time, and opens', async (_, wrap, unwrap) => {
    const wrapped = await wrap(subkey, context, key)
    expect(wrapped).toHaveLength(12 + 32 + 16)
    expect(await wrap(subkey, context, key)).not.toEqual(wrapped)
    expect(await unwrap(subkey, context, wrapped)).toEqual(key)
  })

  const attacks: [string, (wrapped: Bytes) => Promise<Bytes>][] = [
    ['of another item', (w) => unwrapContentKey(subkey, { ...context, mediaId: newMediaId() }, w)],
    ['of another group', (w) => unwrapContentKey(subkey, { ...context, groupId: newGroupId() }, w)],
    ['of another epoch', (w) => unwrapContentKey(subkey, { ...context, epoch: 4 }, w)],
    ['under another subkey', (w) => unwrapContentKey(newKey(), context, w)],
    ['of the other kind', (w) => unwrapCardKey(subkey, context, w)],
    ['changed in its nonce', (w) => unwrapContentKey(subkey, context, flip(w, 0))],
    ['changed in its key', (w) => unwrapContentKey(subkey, context, flip(w, 20))],
    ['changed in its tag', (w) => unwrapContentKey(subkey, context, flip(w, w.length - 1))],
    ['cut short', (w) => unwrapContentKey(subkey, context, w.slice(0, -1))],
    ['cut to its nonce', (w) => unwrapContentKey(subkey, context, w.slice(0, 12))],
    ['that is empty', () => unwrapContentKey(subkey, context, new Uint8Array(0))],
  ]
  it.each(attacks)('%s does not open', async (_, open) =>
    expect(open(await wrapContentKey(subkey, context, key))).rejects.toMatchObject(unavailable),
  )

  it.each([0, 16, 33])('has 32 bytes: a member’s "key" of %i is none', async (length) => {
    await expect(wrapContentKey(subkey, context, randomBytes(length))).rejects.toMatchObject({ code: 'usage' })
    await expect(importAesKey(randomBytes(length))).rejects.toMatchObject({ code: 'usage' })
    const forged = await forgeWrap(randomBytes(length))
    await expect(unwrapContentKey(subkey, context, forged)).rejects.toMatchObject(unavailable)
  })
})

/** A wrap by docs/protocol.md §7, as a member could make it with a program of its own. */
async function forgeWrap(plain: Bytes): Promise<Bytes> {
  const wrapping = await importAesKey(await hkdf(subkey, idBytes(context.mediaId), 'kith/v1/wrap-content', 32))
  return sealAes(wrapping, plain, concat(idBytes(context.mediaId), idBytes(context.groupId), u32(context.epoch)))
}

it('is what docs/protocol.md §7 says', async () =>
  expect(await unwrapContentKey(subkey, context, await forgeWrap(key))).toEqual(key))
