import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it } from 'vitest'
import { sealDocument } from '../../shared/crypto/document.ts'
import { newKey, newMediaId } from '../../shared/crypto/random.ts'
import { sign } from '../../shared/crypto/signing.ts'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { type Card, card } from '../../shared/wire/card.ts'
import { type MediaRecord, writeCard } from '../../shared/wire/media.ts'
import type { Route } from '../../shared/wire/route.ts'
import type { Api } from '../app/api.ts'
import type { Session } from '../app/session.ts'
import { type Client, GroupWorld } from '../testing/group-world.ts'
import { wrapKeys } from '../upload/item-keys.ts'
import { changeOf, Items } from './items.ts'

const shown: Card = { title: 'sea', fileName: 'sea.mp4', type: 'video/mp4', sizeBytes: 9, hasThumb: false }

describe('what somebody changed of a description', () => {
  it.each([
    ['nothing', { title: 'sea', description: '' }, null],
    ['the title', { title: ' the sea ', description: '' }, { title: 'the sea' }],
    ['the description', { title: 'sea', description: 'calm' }, { description: 'calm' }],
    ['both', { title: 'lake', description: 'calm' }, { title: 'lake', description: 'calm' }],
  ])('is %s', (_, wanted, change) => expect(changeOf(shown, wanted)).toEqual(change))

  it('is no title that came with spaces', () => {
    expect(changeOf({ ...shown, title: ' sea' }, { title: ' sea', description: '' })).toBeNull()
  })

  it('is also that it is empty now', () => {
    const wanted = { title: 'sea', description: '' }
    expect(changeOf({ ...shown, description: 'calm' }, wanted)).toEqual({ description: '' })
  })
})

async function newRecord({ person, groups }: Client, groupId: GroupId): Promise<MediaRecord> {
  const mediaId = newMediaId()
  const keys = { contentKey: newKey(), cardKey: newKey() }
  const sealed = await sealDocument({ label: 'kith/v1/card', id: mediaId, revision: 1 }, keys.cardKey, {
    author: person.userId,
    groupHead: groups.get(groupId).state.head,
    schema: card,
    body: shown,
    sign: (label, bytes) => sign(person.actor.seed, label, bytes),
  })
  const wrapped = await wrapKeys(groups, { groupId, mediaId }, keys)
  const rest = { authorId: person.userId, state: 'ready', workerDocument: null, job: null } as const
  return { mediaId, groupId, ...wrapped, card: { revision: 1, sealed }, ...rest, createdAt: 1, changeSeq: 1 }
}

describe('an item that the device keeps', () => {
  let answer: () => Promise<MediaRecord>
  let record: MediaRecord
  let items: Items

  beforeEach(async () => {
    const { ann, circle } = await GroupWorld.create()
    record = await newRecord(ann, circle)
    const api = { call: () => answer() } as unknown as Api
    items = new Items({ api, session: { requireUnlocked: () => ann } as never as Session })
  })
  const refuseBy = (code: ErrorCode) => () => Promise.reject(new AppError(code))

  it.each(['server/unreachable', 'server/unavailable', 'auth/required', 'auth/expired', 'auth/rate-limited'] as const)(
    'opens while the server says %s',
    async (code) => {
      answer = async () => record
      await items.read(record.mediaId)
      answer = refuseBy(code)
      expect((await items.read(record.mediaId)).item.card).toEqual(shown)
    },
  )

  it('does not open against what the server says of the item itself', async () => {
    answer = async () => record
    await items.read(record.mediaId)
    answer = refuseBy('media/not-found')
    expect(await codeOf(() => items.read(record.mediaId))).toBe('media/not-found')
  })

  it('is not said to be gone where nothing of it was here before the session was over', async () => {
    answer = refuseBy('auth/required')
    expect(await codeOf(() => items.read(record.mediaId))).toBe('auth/required')
  })
})

describe('an edit', () => {
  let record: MediaRecord
  /** Runs before a new revision is looked at. */
  let beforeWrite: () => Promise<void>
  let writes: number
  let ann: Client
  let ben: Client
  let mediaId: MediaId

  /** Takes a revision that comes after the one it has. */
  const api = {
    call: async (route: Route, { body }: { body?: unknown }) => {
      if (route === (writeCard as Route)) {
        writes++
        await beforeWrite()
        const next = body as MediaRecord['card']
        if (next.revision !== record.card.revision + 1) throw new AppError('log/conflict')
        record = { ...record, card: next, changeSeq: record.changeSeq + 1 }
      }
      return record
    },
  } as unknown as Api
  const itemsOf = (unlocked: Client) =>
    new Items({ api, session: { requireUnlocked: () => unlocked } as never as Session })
  const once = (run: () => Promise<void>) => async () => {
    beforeWrite = async () => undefined
    await run()
  }

  beforeEach(async () => {
    const world = await GroupWorld.create()
    ann = world.ann
    ben = await world.invited('ben')
    record = await newRecord(ann, world.circle)
    mediaId = record.mediaId
    writes = 0
    beforeWrite = async () => undefined
  })

  it('that meets the edit of somebody else on its way leaves them what it does not change', async () => {
    const [hers, his] = [itemsOf(ann), itemsOf(ben)]
    beforeWrite = once(() => his.edit(mediaId, { title: 'the sea' }))
    await hers.edit(mediaId, { description: 'calm' })
    expect((await his.read(mediaId)).item.card).toEqual({ ...shown, title: 'the sea', description: 'calm' })
    expect(record.card.revision).toBe(3)
  })

  it('is tried twice, and then said to have met another one', async () => {
    beforeWrite = () => Promise.reject(new AppError('log/conflict'))
    expect(await codeOf(() => itemsOf(ann).edit(mediaId, { title: 'lake' }))).toBe('log/conflict')
    expect(writes).toBe(2)
  })

  it('that is refused for another reason is not sent again', async () => {
    beforeWrite = () => Promise.reject(new AppError('group/forbidden'))
    expect(await codeOf(() => itemsOf(ann).edit(mediaId, { title: 'lake' }))).toBe('group/forbidden')
    expect(writes).toBe(1)
  })
})
