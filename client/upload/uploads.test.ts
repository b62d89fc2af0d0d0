import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { verifyAndOpenDocument } from '../../shared/crypto/document.ts'
import type { EpochKeys } from '../../shared/crypto/group-key.ts'
import { objectId } from '../../shared/crypto/object-key.ts'
import { openObject } from '../../shared/crypto/open-object.ts'
import { newKey } from '../../shared/crypto/random.ts'
import { sealingShareKey } from '../../shared/crypto/share.ts'
import { unwrapCardKey, unwrapContentKey } from '../../shared/crypto/wraps.ts'
import { openDevice, type UploadRow } from '../../shared/device/db.ts'
import { listShares, removeShare, removeStrayPieces, writeShare } from '../../shared/device/shares.ts'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import { type Bytes, equalBytes, utf8 } from '../../shared/format/bytes.ts'
import type { GroupId, MediaId, ObjectId } from '../../shared/format/ids.ts'
import { ORIGINAL, THUMB } from '../../shared/format/object-name.ts'
import { replayGroup } from '../../shared/logs/group-replay.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { card } from '../../shared/wire/card.ts'
import { readGroupLog } from '../../shared/wire/groups.ts'
import { createMedia, type NewMedia, readMedia } from '../../shared/wire/media.ts'
import type { Route } from '../../shared/wire/route.ts'
import { Busy } from '../app/busy.ts'
import type { Session } from '../app/session.ts'
import { Signal } from '../app/signal.ts'
import { verifyMember } from '../groups/group.ts'
import { rotationOf } from '../groups/rotation.ts'
import { openItem } from '../media/items.ts'
import { openShare, type Shared } from '../share/open-share.ts'
import { keepShareKey } from '../share/share-key.ts'
import { NoTabs } from '../testing/account-world.ts'
import { type Client, GroupWorld } from '../testing/group-world.ts'
import { groupItem, groupItemName } from '../vault/items.ts'
import { isOnlyHere } from './copy.ts'
import { Engine } from './engine/engine.ts'
import type { putObject } from './engine/send.ts'
import { openIdbSpool } from './engine/spool-idb.ts'
import { readThumb } from './first-parts.ts'
import { sealAnew } from './item-keys.ts'
import type { UploadCommand, UploadProgress } from './messages.ts'
import { changeUpload, keepUploadsKey, listUploads, openUpload, readUpload, type UploadSecret } from './record.ts'
import type { previewOf } from './thumbnail.ts'
import { Uploads } from './uploads.ts'

/** Takes items under the group's newest key alone, as the server does. */
class MediaServer {
  readonly registered: NewMedia[] = []
  /** Whatever it was asked to take: a server may keep what it refuses. */
  readonly offered: NewMedia[] = []
  readonly objects = new Map<ObjectId, Bytes>()
  /** How many items it was asked to take. */
  readonly asked = new Signal(0)
  /** Refuses whatever key an item is sealed under. */
  isLying = false
  /** Answers nothing. */
  isGone = false
  /** Runs before it answers. */
  beforeAnswer: (item: NewMedia) => Promise<unknown> = async () => undefined
  /** Runs when it has taken an item, before it says so. */
  onTaken: () => void = () => undefined

  async answer(route: unknown, { params, body }: { params?: unknown; body?: unknown }): Promise<unknown> {
    if (this.isGone) throw new AppError('server/unreachable')
    if (route === readMedia) return this.#known((params as Pick<NewMedia, 'mediaId'>).mediaId)
    if (route === createMedia) await this.#take(body as NewMedia)
    return undefined
  }

  async #take(item: NewMedia): Promise<void> {
    this.offered.push(item)
    this.asked.value++
    await this.beforeAnswer(item)
    const known = this.#known(item.mediaId)
    if (known && !equalBytes(known.wrappedContent, item.wrappedContent)) throw new AppError('object/conflict')
    if (known) return
    const { epoch } = replayGroup(item.groupId, world.server.groups.get(item.groupId)?.entries ?? [])
    if (item.epoch !== epoch || this.isLying) throw new AppError('group/needs-rotation')
    this.registered.push(item)
    this.onTaken()
  }

  #known(mediaId: MediaId): NewMedia | undefined {
    return this.registered.find((item) => item.mediaId === mediaId)
  }
}

vi.mock('../app/api.ts', () => ({
  Api: class {
    call = (route: Route, options: { params?: unknown; body?: unknown }) => media.answer(route, options)
  },
}))
vi.mock('./engine/send.ts', () => ({
  putObject: (async (_media, object, body) => {
    if (media.isGone) throw new AppError('server/unreachable')
    media.objects.set(object, new Uint8Array(await body.arrayBuffer()))
  }) satisfies typeof putObject,
}))
/** No picture can be drawn here. */
const PICTURE = utf8('a small picture')
vi.mock('./thumbnail.ts', () => ({
  previewOf: (async () => ({
    ...{ thumb: new Blob([PICTURE]), thumbhash: null, width: 4, height: 3, durationMs: null },
  })) satisfies typeof previewOf,
}))

/** The upload worker, in the same thread. */
class UploadWorker {
  readonly #told: ((event: { data: UploadProgress }) => void)[] = []
  readonly #engine = openIdbSpool().then((spool) => new Engine(spool, (data) => this.#tell(data)))

  addEventListener(_type: 'message', listener: (event: { data: UploadProgress }) => void): void {
    this.#told.push(listener)
  }

  postMessage(command: UploadCommand): void {
    void this.#engine.then((engine) => {
      if (command.type === 'file') engine.give(command.mediaId, command.file)
      if (command.type === 'work') void engine.work()
      if (command.type === 'cancel') void engine.cancel(command.mediaId)
    })
  }

  #tell(data: UploadProgress): void {
    for (const listener of this.#told) listener({ data })
  }
}

let world: GroupWorld
let media: MediaServer
let ann: Client
/** Ann's other device, where she manages her groups. */
let desk: Client
let circle: GroupId

beforeEach(async () => {
  vi.stubGlobal('BroadcastChannel', NoTabs)
  vi.stubGlobal('Worker', UploadWorker)
  world = await GroupWorld.create()
  await keepUploadsKey(newKey())
  media = new MediaServer()
  ;({ ann, circle } = world)
  desk = await world.sameAccount(ann)
  await desk.groups.show(circle)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function uploadsOf({ groups }: Client, busy = new Busy()): Uploads {
  const unlocked = { groups }
  const state = new Signal({ kind: 'unlocked', unlocked, online: true })
  return new Uploads({ state, requireUnlocked: () => unlocked } as unknown as Session, busy)
}
/** A program that was just started, once it shows what is under way. */
async function started(client: Client): Promise<Uploads> {
  const uploads = uploadsOf(client)
  const count = (await listUploads()).length
  await uploads.all.until(({ size }) => size === count)
  return uploads
}

const note = (name: string) => new File([name], `${name}.txt`, { type: 'text/plain' })
const allDone = (uploads: Uploads) => uploads.all.until(({ size }) => size === 0)
const stopped = (uploads: Uploads, count = 1) =>
  uploads.all.until(
    (all) => all.size === count && [...all.values()].every(({ code }) => code === 'group/needs-rotation'),
  )

const withCode = (uploads: Uploads, wanted: ErrorCode) =>
  uploads.all.until((all) => [...all.values()].some(({ code }) => code === wanted))

/** Small picture and original, as the server has them. */
function openAll(mediaId: MediaId, contentKey: Bytes): Promise<Bytes[]> {
  return Promise.all(
    [THUMB, ORIGINAL].map(async (name) => {
      const sealed = media.objects.get(await objectId(contentKey, name))
      return openObject({ contentKey, mediaId, name }, sealed ?? new Uint8Array())
    }),
  )
}

/** What Ann's devices make of an item as the server has it. */
async function namesOf(groupId: GroupId): Promise<(string | undefined)[]> {
  const rest = { authorId: ann.person.userId, state: 'ready', workerDocument: null, job: null } as const
  const items = media.registered.filter((item) => item.groupId === groupId)
  const opened = items.map((item) =>
    openItem(desk.groups.get(groupId), { ...item, ...rest, createdAt: 1, changeSeq: 1 }),
  )
  return (await Promise.all(opened)).map(({ card }) => card?.fileName)
}

function changeKey({ groups, vault }: Client, groupId: GroupId): Promise<void> {
  return groups.append(groupId, (group) => {
    const item = vault.read(groupItem, groupItemName(groupId))
    return item && rotationOf(groups.context, group, item)
  })
}

/** How often one of Ann's devices has read a group's log from now on. */
function logsRead(): Signal<number> {
  const read = new Signal(0)
  const { api } = ann.groups.context
  const { call } = api
  vi.spyOn(api, 'call').mockImplementation(async (route, options) => {
    const reply = await call(route, options)
    if ((route as Route) === readGroupLog) read.value++
    return reply
  })
  return read
}

describe('an upload whose group has changed its key before its turn came', () => {
  it('goes on by itself under the new key, as every other that waits, and the log is read once for all', async () => {
    const uploads = uploadsOf(ann)
    await changeKey(desk, circle)
    const logs = logsRead()
    await uploads.add(circle, [note('one'), note('two'), note('three')])
    await allDone(uploads)
    expect(media.registered.map(({ epoch }) => epoch)).toEqual([2, 2, 2])
    expect((await namesOf(circle)).sort()).toEqual(['one.txt', 'three.txt', 'two.txt'])
    expect(logs.value).toBe(1)
  })

  it('goes on likewise where it belongs to a chat, under the key that the message tells', async () => {
    const personal = await world.another(ann, 'personal')
    await desk.vault.openServed()
    await desk.groups.show(personal)
    await changeKey(desk, personal)
    const uploads = uploadsOf(ann)
    const { prepared, start } = await uploads.prepareInChat(note('for ben'))
    await start()
    await allDone(uploads)
    const [item] = media.registered as [NewMedia]
    expect(item.epoch).toBe(2)
    const { media: key } = desk.groups.encryptTo(personal)
    expect(await unwrapContentKey(key, item, item.wrappedContent)).toEqual(prepared.contentKey)
  })

  it('waits for the key where somebody else is out meanwhile, and says so', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const ben = await world.invited('ben', {}, desk)
    await ann.groups.show(circle)
    await changeKey(desk, circle)
    const { userId: memberId } = ben.person
    await desk.groups.append(circle, () => ({ actions: [{ type: 'remove', payload: { memberId } }] }))
    const uploads = uploadsOf(ann)
    await uploads.add(circle, [note('one')])
    const [mediaId] = [...(await stopped(uploads)).keys()] as [MediaId]
    expect(await codeOf(() => uploads.retry(mediaId))).toBe('group/needs-rotation')
    expect(media.registered).toEqual([])
    await changeKey(desk, circle)
    await ann.groups.show(circle)
    await allDone(uploads)
    expect(media.registered.map(({ epoch }) => epoch)).toEqual([3])
  })

  it('is begun once for each key, whatever the server claims', async () => {
    media.isLying = true
    const logs = logsRead()
    const tell = () => {
      logs.value = 0
      return ann.groups.show(circle)
    }
    const uploads = uploadsOf(ann)
    await tell()
    await uploads.add(circle, [note('one')])
    for (const times of [1, 2, 3]) {
      await media.asked.until((count) => count === times)
      await stopped(uploads)
      await logs.until((count) => count === 2)
      // Nothing new is in it: nothing begins again.
      await ann.groups.show(circle)
      expect([media.asked.value, logs.value]).toEqual([times, 3])
      await changeKey(desk, circle)
      media.isLying = times < 3
      await tell()
    }
    await allDone(uploads)
    expect(media.registered.map(({ epoch }) => epoch)).toEqual([4])
  })

  it('goes on after a start, and needs nothing of the page before', async () => {
    const mediaId = await refusedOne()
    media.isLying = false
    await changeKey(desk, circle)
    await allDone(await started(desk))
    const [item, ...more] = media.registered as [NewMedia]
    expect([item.epoch, more]).toEqual([2, []])
    const { media: key } = desk.groups.encryptTo(circle)
    const contentKey = await unwrapContentKey(key, item, item.wrappedContent)
    expect(await openAll(mediaId, contentKey)).toEqual([PICTURE, utf8('one')])
  })

  it('is not offered under the old key at all where this device knows of the new one', async () => {
    const uploads = uploadsOf(ann)
    media.beforeAnswer = async () => {
      if (media.offered.length === 1) await changeKey(ann, circle)
    }
    await uploads.add(circle, [note('one'), note('two')])
    await allDone(uploads)
    const [first, ...later] = media.offered.map(({ epoch }) => epoch)
    expect(first).toBe(1)
    expect(later).toEqual([2, 2])
  })

  it('keeps its keys for as long as the server is asked to take them', async () => {
    const uploads = uploadsOf(ann)
    const made: unknown[] = []
    media.beforeAnswer = async ({ mediaId, epoch }) => {
      if (epoch !== 1) return
      await changeKey(desk, circle)
      made.push(await sealAnew(desk.groups, mediaId))
    }
    await uploads.add(circle, [note('one')])
    await allDone(uploads)
    expect(made).toEqual([null])
    expect(media.registered.map(({ epoch }) => epoch)).toEqual([2])
  })

  it('is sealed anew by one tab of several, never back, and never once the server has it', async () => {
    const mediaId = await refusedOne()
    await changeKey(desk, circle)
    const made = await Promise.all([sealAnew(desk.groups, mediaId), sealAnew(desk.groups, mediaId)])
    const [wrapped, ...more] = made.filter((one) => one !== null)
    expect(more).toEqual([])
    expect((await secretOf(mediaId)).media).toEqual(wrapped)

    const refused = { problem: 'group/needs-rotation' }
    await changeUpload(mediaId, refused)
    expect(await sealAnew(ann.groups, mediaId)).toBeNull()
    expect((await secretOf(mediaId)).media).toEqual(wrapped)
    // To be asked once more with what it is, by hand.
    expect((await readUpload(mediaId))?.problem).toBeNull()
    await changeKey(desk, circle)
    await changeUpload(mediaId, { ...refused, step: 'thumb' })
    expect(await sealAnew(desk.groups, mediaId)).toBeNull()
    expect((await secretOf(mediaId)).media).toEqual(wrapped)
  })

  it('is as it was where the power goes while it gets its new keys', async () => {
    const mediaId = await refusedOne()
    await changeKey(desk, circle)
    const before = await readUpload(mediaId)
    const put = IDBObjectStore.prototype.put
    const cut = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...what) {
      const request = put.apply(this, what)
      if (this.name === 'blobs') this.transaction.abort()
      return request
    })
    await expect(sealAnew(desk.groups, mediaId)).rejects.toThrow()
    cut.mockRestore()
    expect(await readUpload(mediaId)).toEqual(before)
    expect(await readThumb(await secretOf(mediaId))).toEqual(PICTURE)
    await sealAnew(desk.groups, mediaId)
    expect((await readUpload(mediaId))?.sealed).not.toEqual(before?.sealed)
    expect(await readThumb(await secretOf(mediaId))).toEqual(PICTURE)
  })
})

describe('a server that keeps the keys it refuses, and somebody who was removed', () => {
  it('together open nothing of what is registered afterwards: no description, no picture, no original', async () => {
    const ben = await world.invited('ben', {}, desk)
    await ann.groups.show(circle)
    media.isLying = true
    const uploads = uploadsOf(ann)
    await uploads.add(circle, [note('secret')])
    const [mediaId] = [...(await stopped(uploads)).keys()] as [MediaId]
    const bensGroup = ben.groups.get(circle)
    await desk.groups.remove(circle, ben.person.userId)
    media.isLying = false
    await ann.groups.show(circle)
    await allDone(uploads)

    const [item, ...more] = media.registered as [NewMedia]
    expect(more).toEqual([])
    const keyOf = ({ groups }: Client) => unwrapContentKey(groups.encryptTo(circle).media, item, item.wrappedContent)
    expect(await openAll(mediaId, await keyOf(desk))).toEqual([PICTURE, utf8('secret')])
    expect(await namesOf(circle)).toEqual(['secret.txt'])

    const [kept] = media.offered as [NewMedia]
    const { media: content, meta } = bensGroup.keys.get(kept.epoch) as EpochKeys
    const openCard = (cardKey: Bytes, { card: { sealed, revision } }: NewMedia) =>
      verifyAndOpenDocument({ label: 'kith/v1/card', id: mediaId, revision }, cardKey, sealed, {
        schema: card,
        verifyAuthor: (...signed) => verifyMember(bensGroup, ...signed),
      })
    const cardKey = await unwrapCardKey(meta, kept, kept.wrappedCard)
    expect((await openCard(cardKey, kept)).body.fileName).toBe('secret.txt')
    expect(await codeOf(() => openCard(cardKey, item))).toBe('card/tampered')
    const contentKey = await unwrapContentKey(content, kept, kept.wrappedContent)
    for (const name of [THUMB, ORIGINAL]) {
      expect(media.objects.has(await objectId(contentKey, name))).toBe(false)
      for (const sealed of media.objects.values())
        expect(await codeOf(() => openObject({ contentKey, mediaId, name }, sealed))).toBe('object/wrong-key')
    }
    expect(bensGroup.keys.has(item.epoch)).toBe(false)
  })

  /** Taken, but the answer got lost; then the key changes. */
  const takenUnheard = () => {
    media.onTaken = () => {
      throw new AppError('server/unreachable')
    }
  }

  it('and where it is there under the old keys already, nothing more is sent', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    takenUnheard()
    const uploads = uploadsOf(ann)
    await uploads.add(circle, [note('one')])
    await withCode(uploads, 'server/unreachable')
    await changeKey(ann, circle)
    await vi.advanceTimersByTimeAsync(5000)
    await withCode(uploads, 'object/conflict')
    expect(media.offered.map(({ epoch }) => epoch)).toEqual([1, 2])
    expect(media.objects.size).toBe(0)
  })

  it('but a file for a chat, which keeps its keys, is found to be there', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    takenUnheard()
    const personal = await world.another(ann, 'personal')
    const uploads = uploadsOf(ann)
    const { prepared, start } = await uploads.prepareInChat(note('for ben'))
    await start()
    await withCode(uploads, 'server/unreachable')
    await changeKey(ann, personal)
    await vi.advanceTimersByTimeAsync(5000)
    await allDone(uploads)
    expect(media.offered.map(({ epoch }) => epoch)).toEqual([1, 2])
    expect(await openAll(prepared.mediaId, prepared.contentKey)).toEqual([PICTURE, utf8('for ben')])
  })
})

describe('without network', () => {
  let accountKey: Bytes
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    media.isGone = true
    ;({ accountKey } = ann.groups.context.secrets)
    await keepShareKey(accountKey)
  })
  const unreachable = async (uploads: Uploads, count = 1) =>
    uploads.all.until(
      (all) => all.size === count && [...all.values()].every(({ code }) => code === 'server/unreachable'),
    )
  const addedTo = async (uploads: Uploads, files: readonly File[]) => {
    await uploads.add(circle, files)
    await unreachable(uploads, files.length)
  }
  const views = (uploads: Uploads) => [...uploads.all.value.values()]
  const piecesLeft = async () => (await openDevice()).count('sharePieces')
  /** As the Service Worker takes it. */
  async function share(text: string, ...names: string[]): Promise<void> {
    const publicKey = await (await openDevice()).get('shareKey', 'current')
    const { ephemeral, key } = await sealingShareKey(publicKey as Bytes)
    await writeShare({ id: 'shared', createdAt: 1, ephemeral }, key, text, names.map(note))
  }
  /** What the share screen would show. */
  const waiting = async () =>
    (await Promise.all((await listShares()).map((row) => openShare(row, accountKey)))).filter((one) => one !== null)
  const namesWaiting = async () => (await waiting()).flatMap(({ files }) => files.map(({ name }) => name))

  it('what was picked is copied, and arrives once there is one, whatever became of the page', async () => {
    const uploads = uploadsOf(ann)
    await addedTo(uploads, [note('one'), note('two')])
    expect(views(uploads).map(({ isKept }) => isKept)).toEqual([true, true])
    for (const piece of await (await openDevice()).getAll('sharePieces'))
      expect(Buffer.from(piece).includes('one')).toBe(false)
    media.isGone = false
    await allDone(await started(desk))
    expect((await namesOf(circle)).sort()).toEqual(['one.txt', 'two.txt'])
    expect(await piecesLeft()).toBe(0)
  })

  it('what nobody could pick again lies there before it is an upload', async () => {
    const uploads = uploadsOf(ann)
    const given = vi.spyOn(UploadWorker.prototype, 'postMessage').mockReturnValue(undefined)
    await uploads.add(circle, [isOnlyHere(note('photo'))])
    expect(views(uploads).map(({ phase, isKept }) => [phase, isKept])).toEqual([['waiting', true]])
    // The program died before a worker heard of it.
    given.mockRestore()
    media.isGone = false
    await allDone(await started(desk))
    expect(await namesOf(circle)).toEqual(['photo.txt'])
  })

  it('a text that was shared becomes an upload and is no share any more, in one stroke', async () => {
    await share('canary-in-a-text')
    const [one] = (await waiting()) as [Shared]
    const uploads = uploadsOf(ann)
    await uploads.add(circle, [await one.note()])
    expect(await listShares()).toEqual([])
    await unreachable(uploads)
    media.isGone = false
    await allDone(await started(desk))
    const [{ mediaId, wrappedContent, ...item }] = media.registered as [NewMedia]
    const { media: key } = desk.groups.encryptTo(circle)
    const contentKey = await unwrapContentKey(key, { ...item, mediaId }, wrappedContent)
    expect((await openAll(mediaId, contentKey))[1]).toEqual(utf8('canary-in-a-text'))
    expect(await piecesLeft()).toBe(0)
  })

  it('files that were shared leave the share one by one, wherever the program dies', async () => {
    await share('', 'one', 'two')
    const [one] = (await waiting()) as [Shared]
    const files = await one.read()
    // It dies while the first is written down: nothing has happened.
    const put = IDBObjectStore.prototype.put
    const cut = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...what) {
      const request = put.apply(this, what)
      if (this.name === 'uploads') this.transaction.abort()
      return request
    })
    await expect(uploadsOf(ann).add(circle, files)).rejects.toThrow()
    cut.mockRestore()
    expect(await namesWaiting()).toEqual(['one.txt', 'two.txt'])
    expect(await listUploads()).toEqual([])

    // It dies after the first.
    await addedTo(uploadsOf(ann), files.slice(0, 1))
    expect(await namesWaiting()).toEqual(['two.txt'])
    media.isGone = false
    await allDone(await started(desk))
    expect(await namesWaiting()).toEqual(['two.txt'])

    // It dies after the last, before anybody has cleared up after it.
    const [rest] = (await waiting()) as [Shared]
    media.isGone = true
    await addedTo(uploadsOf(ann), await rest.read())
    expect(await listShares()).toEqual([])
    await removeStrayPieces()
    media.isGone = false
    await allDone(await started(desk))
    expect((await namesOf(circle)).sort()).toEqual(['one.txt', 'two.txt'])
    expect(await piecesLeft()).toBe(0)
  })

  it('what is thrown away of a share is not what an upload has of it', async () => {
    await share('', 'one', 'two')
    const [one] = (await waiting()) as [Shared]
    await addedTo(uploadsOf(ann), (await one.read()).slice(0, 1))
    await removeShare('shared')
    media.isGone = false
    await allDone(await started(desk))
    expect(await namesOf(circle)).toEqual(['one.txt'])
    expect(await piecesLeft()).toBe(0)
  })

  it('whoever cancels leaves nothing behind, also while it is being copied', async () => {
    const uploads = uploadsOf(ann)
    await addedTo(uploads, [note('one')])
    uploads.cancel([...uploads.all.value.keys()][0] as MediaId)
    await allDone(uploads)
    expect(await piecesLeft()).toBe(0)

    const slow = note('two')
    const slice = slow.slice.bind(slow)
    vi.spyOn(slow, 'slice').mockImplementation((...range) => {
      uploads.cancel([...uploads.all.value.keys()][0] as MediaId)
      return slice(...range)
    })
    await uploads.add(circle, [slow])
    await allDone(uploads)
    await navigator.locks.request('kith/uploader', () => undefined)
    expect(await piecesLeft()).toBe(0)
  })

  it('where there is no room for a copy the page is needed: an update waits for it, a lock and the screen do not', async () => {
    vi.stubGlobal('navigator', { locks: navigator.locks, storage: { estimate: async () => ({ quota: 10, usage: 0 }) } })
    const busy = new Busy()
    const uploads = uploadsOf(ann, busy)
    await uploads.add(circle, [note('one')])
    expect(busy.isAtWork).toBe(true)
    await unreachable(uploads)
    expect(views(uploads).map(({ isKept }) => isKept)).toEqual([false])
    expect([busy.isBusy, busy.isAtWork]).toEqual([true, false])
    media.isGone = false
    await vi.advanceTimersByTimeAsync(5000)
    await allDone(uploads)
    expect(busy.isBusy).toBe(false)
  })

  it('what is copied needs no page: an update need not wait', async () => {
    const busy = new Busy()
    const uploads = uploadsOf(ann, busy)
    await addedTo(uploads, [note('one')])
    expect(busy.isBusy).toBe(false)
  })

  it('a copy that was changed is not sent: the file is asked for', async () => {
    const uploads = uploadsOf(ann)
    await addedTo(uploads, [note('one')])
    const db = await openDevice()
    const [key] = (await db.getAllKeys('sharePieces')) as [[string, number, number]]
    const piece = (await db.get('sharePieces', key)) as Bytes
    await db.put('sharePieces', piece.with(20, (piece[20] ?? 0) ^ 1), key)
    media.isGone = false
    const after = await started(desk)
    await withCode(after, 'upload/source-changed')
    after.again(key[0] as MediaId, note('one'))
    await allDone(after)
    expect(await namesOf(circle)).toEqual(['one.txt'])
  })
})

it('an upload that is cancelled while another has its turn is never begun', async () => {
  media.isLying = true
  const uploads = uploadsOf(ann)
  await uploads.add(circle, [note('one'), note('two')])
  const waiting = [...(await stopped(uploads, 2)).keys()]
  media.isLying = false
  const begun: MediaId[] = []
  media.beforeAnswer = async ({ mediaId }) => {
    begun.push(mediaId)
    for (const other of waiting.filter((one) => one !== mediaId)) uploads.cancel(other)
    await uploads.all.until(({ size }) => size === 1)
  }
  for (const mediaId of waiting) await uploads.retry(mediaId)
  await allDone(uploads)
  await navigator.locks.request('kith/uploader', () => undefined)
  expect(begun).toHaveLength(1)
})

async function secretOf(mediaId: MediaId): Promise<UploadSecret> {
  return openUpload((await readUpload(mediaId)) as UploadRow)
}

/** An upload of Ann's that the server refuses; she has looked into the log for a newer key, and found none. */
async function refusedOne(): Promise<MediaId> {
  media.isLying = true
  const logs = logsRead()
  const uploads = uploadsOf(ann)
  await uploads.add(circle, [note('one')])
  const [mediaId] = [...(await stopped(uploads)).keys()] as [MediaId]
  await logs.until((count) => count === 1)
  return mediaId
}
