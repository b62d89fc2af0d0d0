import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { importAesKey } from '../../shared/crypto/aes-gcm.ts'
import { newKey } from '../../shared/crypto/random.ts'
import { sealingShareKey } from '../../shared/crypto/share.ts'
import { eraseDevice, openDevice, type ShareRow } from '../../shared/device/db.ts'
import {
  listShares,
  openSharedFile,
  openShareHeader,
  removeShare,
  removeStrayPieces,
  SHARE_PIECE_BYTES,
  writeShare,
} from '../../shared/device/shares.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { forgetShareKey } from '../vault/device.ts'
import { keepShareKey, openingShareKey } from './share-key.ts'

const accountKey = newKey()
const bytes = new Uint8Array(SHARE_PIECE_BYTES + 500).map((_, index) => index % 251)
const photo = () => new File([bytes], 'Kürbis.jpg', { type: 'image/jpeg', lastModified: 5 })
const note = () => new File(['canary-in-a-share'], 'note.txt', { type: 'text/plain', lastModified: 6 })

/** As the Service Worker does it: it knows the public key alone. */
async function share(id = 'one', files = [photo(), note()], text = 'canary-in-a-text'): Promise<ShareRow> {
  const publicKey = await (await openDevice()).get('shareKey', 'current')
  if (!publicKey) throw new Error('there is one')
  const { ephemeral, key } = await sealingShareKey(publicKey)
  await writeShare({ id, createdAt: 1, ephemeral }, key, text, files)
  return (await (await openDevice()).get('shares', id)) as ShareRow
}
const keyOf = async (row: ShareRow, of = accountKey) => importAesKey(await openingShareKey(of, row.ephemeral))

beforeEach(async () => {
  await eraseDevice()
  await keepShareKey(accountKey)
})

describe('something shared while Kith is locked', () => {
  it('is sealed to the account, whoever was here before', async () => {
    const before = await (await openDevice()).get('shareKey', 'current')
    const other = newKey()
    await keepShareKey(other)
    expect(await (await openDevice()).get('shareKey', 'current'), 'made once').toEqual(before)
    await forgetShareKey()
    await keepShareKey(other)
    const row = await share()
    expect((await openShareHeader(row, await keyOf(row, other))).text).toBe('canary-in-a-text')
  })

  it('comes out as it went in, once the account key is there', async () => {
    const row = await share()
    const key = await keyOf(row)
    const header = await openShareHeader(row, key)
    expect(header.text).toBe('canary-in-a-text')
    const file = await openSharedFile(row.id, key, header, 0)
    expect([file.name, file.type, file.lastModified]).toEqual(['Kürbis.jpg', 'image/jpeg', 5])
    expect(new Uint8Array(await file.arrayBuffer())).toEqual(bytes)
    expect(await (await openSharedFile(row.id, key, header, 1)).text()).toBe('canary-in-a-share')
    await removeShare(row.id)
    expect(await (await openDevice()).count('sharePieces')).toBe(0)
    expect(await listShares()).toEqual([])
  })

  it('leaves no plaintext behind, neither names nor content', async () => {
    await share()
    const db = await openDevice()
    const all = [...(await db.getAll('sharePieces')), ...(await db.getAll('shares')).map(({ sealed }) => sealed)]
    for (const sealed of all)
      for (const canary of ['canary', 'Kürbis']) expect(Buffer.from(sealed).includes(canary)).toBe(false)
  })

  it('is whole or not there when the storage is full in the middle', async () => {
    const db = await openDevice()
    const put = db.put.bind(db)
    let count = 0
    const spy = vi.spyOn(db, 'put').mockImplementation((store, value, key) => {
      if (store === 'sharePieces' && ++count === 2)
        return Promise.reject(new DOMException('full', 'QuotaExceededError'))
      return put(store, value, key)
    })
    await expect(share()).rejects.toThrow('full')
    spy.mockRestore()
    expect(await listShares()).toEqual([])
    expect(await db.count('sharePieces')).toBe(0)
  })

  it('stays whole when the share screen looks for leftovers while it is still coming in', async () => {
    await (await openDevice()).put('sharePieces', new Uint8Array(9), ['stray', 0, 0])
    const slow = note()
    const slice = slow.slice.bind(slow)
    vi.spyOn(slow, 'slice').mockImplementation((from, to) => {
      const part = slice(from, to)
      const read = part.arrayBuffer.bind(part)
      vi.spyOn(part, 'arrayBuffer').mockImplementation(async () => {
        await removeStrayPieces()
        return read()
      })
      return part
    })
    const row = await share('one', [photo(), slow])
    const key = await keyOf(row)
    const file = await openSharedFile(row.id, key, await openShareHeader(row, key), 0)
    expect(new Uint8Array(await file.arrayBuffer())).toEqual(bytes)
    // What really was left over goes the next time.
    await removeStrayPieces()
    expect(new Set((await (await openDevice()).getAllKeys('sharePieces')).map(([id]) => id))).toEqual(new Set(['one']))
  })

  it('leaves nothing when the Service Worker was stopped in the middle', async () => {
    await share('kept')
    const db = await openDevice()
    await db.put('sharePieces', new Uint8Array(9), ['stray', 0, 0])
    await removeStrayPieces()
    expect(new Set((await db.getAllKeys('sharePieces')).map(([id]) => id))).toEqual(new Set(['kept']))
  })
})

describe('what lies on the device was changed:', () => {
  it.each([
    ['another account', async (row: ShareRow) => openShareHeader(row, await keyOf(row, newKey()))],
    [
      'a flipped header',
      async (row: ShareRow) => {
        const sealed = row.sealed.slice()
        sealed[20] = (sealed[20] ?? 0) ^ 1
        return openShareHeader({ ...row, sealed }, await keyOf(row))
      },
    ],
    ['a header of another share', async (row: ShareRow) => openShareHeader({ ...row, id: 'two' }, await keyOf(row))],
    ['a key of small order', async (row: ShareRow) => keyOf({ ...row, ephemeral: new Uint8Array(32) })],
    [
      'swapped pieces',
      async (row: ShareRow) => {
        const db = await openDevice()
        const [a, b] = [await db.get('sharePieces', ['one', 0, 0]), await db.get('sharePieces', ['one', 0, 1])]
        if (a && b) await db.put('sharePieces', a, ['one', 0, 1])
        if (a && b) await db.put('sharePieces', b, ['one', 0, 0])
        const key = await keyOf(row)
        return openSharedFile(row.id, key, await openShareHeader(row, key), 0)
      },
    ],
    [
      'a cut tail',
      async (row: ShareRow) => {
        await (await openDevice()).delete('sharePieces', ['one', 0, 1])
        const key = await keyOf(row)
        return openSharedFile(row.id, key, await openShareHeader(row, key), 0)
      },
    ],
  ])('%s', async (_what, attack) => {
    const row = await share()
    expect(await codeOf(() => attack(row))).toBe('share/tampered')
  })
})
