import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it } from 'vitest'
import { newGroupId, newMediaId, newUserId, randomBytes } from '../../shared/crypto/random.ts'
import { eraseDevice } from '../../shared/device/db.ts'
import { readMediaRecord, takeMedia } from '../../shared/device/media-store.ts'
import { AppError } from '../../shared/errors.ts'
import type { MediaId } from '../../shared/format/ids.ts'
import { codeOf } from '../../shared/testing/people.ts'
import type { MediaRecord } from '../../shared/wire/media.ts'
import type { Api } from '../app/api.ts'
import { takeShown } from './taking.ts'

const groupId = newGroupId()
const [tomatoes, beans] = [newMediaId(), newMediaId()]
const sealed = randomBytes(64)
const workerId = newUserId()
const shown = (mediaId: MediaId, card: number, document = 0): MediaRecord => ({
  mediaId,
  groupId,
  epoch: 0,
  wrappedContent: sealed,
  wrappedCard: sealed,
  card: { revision: card, sealed },
  authorId: workerId,
  state: 'ready',
  workerDocument: document === 0 ? null : { revision: document, sealed, workerId },
  job: null,
  createdAt: 1,
  changeSeq: 1,
})
const onDevice = () => Promise.all([tomatoes, beans].map(readMediaRecord))

/** @param now what the server says of an item that it is asked for by itself. */
function serverWith(now: (media: MediaId) => MediaRecord) {
  const asked: MediaId[] = []
  const call = async (_: unknown, { params }: { params: { mediaId: MediaId } }) => {
    asked.push(params.mediaId)
    return now(params.mediaId)
  }
  return { api: { call } as unknown as Api, asked }
}

describe('an answer that was on its way while something newer was taken', () => {
  beforeEach(async () => {
    await eraseDevice()
    await takeMedia([shown(tomatoes, 3, 2)])
  })

  it.each([
    ['description', 2, 2],
    ['worker’s document', 3, 1],
  ])('with an older %s: that item alone is asked for once more, and all is taken', async (_, card, document) => {
    const { api, asked } = serverWith((media) => shown(media, 4, 2))
    const taken = [shown(tomatoes, 4, 2), shown(beans, 1)]
    expect(await takeShown(api, [shown(tomatoes, card, document), shown(beans, 1)])).toEqual(taken)
    expect(await onDevice()).toEqual(taken)
    expect(asked).toEqual([tomatoes])
  })

  it('with an item that was deleted since: the others are taken', async () => {
    const { api } = serverWith(() => {
      throw new AppError('media/not-found')
    })
    expect(await takeShown(api, [shown(tomatoes, 2, 2), shown(beans, 1)])).toEqual([shown(beans, 1)])
    expect(await onDevice()).toEqual([shown(tomatoes, 3, 2), shown(beans, 1)])
  })

  it('a server that goes back shows the older one again: refused at the first, and nothing is taken', async () => {
    await takeMedia([shown(beans, 2)])
    const before = await onDevice()
    const lie = [shown(tomatoes, 2, 2), shown(beans, 1)]
    const { api, asked } = serverWith((media) => lie.find(({ mediaId }) => mediaId === media) as MediaRecord)
    expect(await codeOf(() => takeShown(api, lie))).toBe('card/rollback')
    expect(await onDevice()).toEqual(before)
    expect(asked).toEqual([tomatoes])
  })

  it('an item that moved to another group is asked for by nobody: refused', async () => {
    const { api, asked } = serverWith((media) => shown(media, 3, 2))
    expect(await codeOf(() => takeShown(api, [{ ...shown(tomatoes, 4, 2), groupId: newGroupId() }]))).toBe(
      'card/tampered',
    )
    expect(asked).toEqual([])
  })
})
