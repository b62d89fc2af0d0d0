import 'fake-indexeddb/auto'
import { beforeEach, expect, it } from 'vitest'
import { newGroupId, newKey, newMediaId, randomBytes } from '../../../shared/crypto/random.ts'
import { sealObject } from '../../../shared/crypto/seal-object.ts'
import { eraseDevice, openDevice } from '../../../shared/device/db.ts'
import { createKey } from '../../../shared/device/device-key.ts'
import { layoutFor } from '../../../shared/format/layout.ts'
import { ORIGINAL } from '../../../shared/format/object-name.ts'
import { keepUploadsKey, sealUpload, type UploadSecret } from '../record.ts'
import { pieceCount } from './pieces.ts'
import { type SealJob, sealAhead } from './seal-ahead.ts'

const PIECE = 8 * 2 ** 20
const SIZE = 6 * PIECE

let secret: UploadSecret
beforeEach(async () => {
  await eraseDevice()
  await createKey('device')
  await keepUploadsKey(newKey())
  const [mediaId, groupId] = [newMediaId(), newGroupId()]
  const card = { revision: 1, sealed: randomBytes(300) }
  const media = { mediaId, groupId, epoch: 1, wrappedContent: randomBytes(60), wrappedCard: randomBytes(60), card }
  const keys = { contentKey: newKey(), cardKey: newKey(), salt: randomBytes(16) }
  secret = { ...keys, fileName: 'film.mp4', sizeBytes: SIZE, media }
  const sealed = await sealUpload(mediaId, secret)
  const fresh = { sealedPieces: 0, isSpooled: false, sentBytes: 0, uploadUrl: null, problem: null }
  await (await openDevice()).put(
    'uploads',
    { mediaId, groupId, createdAt: 1, sealed, step: 'original', ...fresh },
    mediaId,
  )
})

const jobOf = (file: Blob, more: Pick<SealJob, 'room' | 'onPiece'>): SealJob => ({
  ...{ mediaId: secret.media.mediaId, secret, file, sealedPieces: 0, signal: new AbortController().signal },
  wanted: Array.from({ length: pieceCount(layoutFor(SIZE)) }, (_, index) => index),
  ...more,
})

/** A file that counts what is read of it. */
class CountedFile extends Blob {
  read = 0
  override slice(start = 0, end = this.size): Blob {
    this.read += end - start
    return super.slice(start, end)
  }
}

it('reads one piece ahead of the one that it seals, however much room comes late and however long the file is', async () => {
  const plain = new Uint8Array(SIZE).map((_, index) => index >> 12)
  const file = new CountedFile([plain])
  const pieces: Blob[] = []
  let asked = 0
  const ahead: number[] = []
  await sealAhead(
    jobOf(file, {
      // As long as it pleases the network: all that can be done before has been done by then.
      room: async () => {
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
        ahead.push(file.read - asked++ * PIECE)
      },
      onPiece: (_index, sealed) => void pieces.push(sealed),
    }),
  )
  expect(ahead).toHaveLength(6)
  expect(Math.max(...ahead)).toBeLessThanOrEqual(PIECE)
  const whole = new Uint8Array(await new Blob(pieces).arrayBuffer())
  const name = { contentKey: secret.contentKey, mediaId: secret.media.mediaId, name: ORIGINAL }
  expect(Buffer.compare(whole, await sealObject(name, plain, secret.salt))).toBe(0)
})

it.each([
  ['shorter', SIZE - 1],
  ['longer', SIZE + 1],
])('seals nothing of a file that is %s than it was', async (_, bytes) => {
  const file = new CountedFile([new Uint8Array(bytes)])
  const pieces: number[] = []
  const sealing = sealAhead(jobOf(file, { room: async () => undefined, onPiece: (index) => void pieces.push(index) }))
  await expect(sealing).rejects.toMatchObject({ code: 'upload/source-changed' })
  expect([pieces, file.read]).toEqual([[], 0])
})
