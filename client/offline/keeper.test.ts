import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { objectId } from '../../shared/crypto/object-key.ts'
import { newGroupId, newKey, newMediaId, newUserId, randomBytes } from '../../shared/crypto/random.ts'
import { sealObject } from '../../shared/crypto/seal-object.ts'
import { wrapContentKey } from '../../shared/crypto/wraps.ts'
import { eraseDevice, type KeptRow } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'
import { writeGroupKeys } from '../../shared/device/group-keys.ts'
import { changeKept, readKept, readKeptRange } from '../../shared/device/kept.ts'
import { bytesHere, itemsWithPieces, KEPT_CHANNEL, Pieces } from '../../shared/device/kept-pieces.ts'
import { takeMedia } from '../../shared/device/media-store.ts'
import { AppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes, utf8 } from '../../shared/format/bytes.ts'
import { idFromBytes, type JobId, type MediaId, type ObjectId } from '../../shared/format/ids.ts'
import { MemoryCaches } from '../../shared/testing/cache-storage.ts'
import type { Card } from '../../shared/wire/card.ts'
import type { JobView } from '../../shared/wire/jobs.ts'
import type { WorkerDocument } from '../../shared/wire/worker-document.ts'
import type { Item } from '../media/items.ts'
import { Keeper } from './keeper.ts'
import { playsHere } from './kept-parts.ts'
import { STALLED_MS } from './pulse.ts'
import { readTaken, toMakeRoom } from './room.ts'
import { watch } from './watched.ts'

const group = newGroupId()
const keys = { media: newKey(), meta: newKey() }
const SIZE = 3000

let items: Item[]
let store: Map<string, Bytes>
let memory: MemoryCaches
/** What is done before the n-th answer, from 1 on. */
let before: (asked: number, path: string) => Promise<void> | void
let asked: number
let quota: number
let hasWorker: boolean
let isBusy: boolean
const channels: BroadcastChannel[] = []

beforeEach(async () => {
  await eraseDevice()
  await createKey('device')
  await writeGroupKeys(group, new Map([[1, keys]]))
  store = new Map()
  items = []
  memory = new MemoryCaches()
  before = () => undefined
  asked = 0
  quota = 2 ** 40
  hasWorker = true
  isBusy = false
  vi.stubGlobal('caches', memory)
  vi.stubGlobal('addEventListener', () => undefined)
  vi.stubGlobal(
    'BroadcastChannel',
    class extends BroadcastChannel {
      constructor(name: string) {
        super(name)
        channels.push(this)
      }
    },
  )
  vi.stubGlobal('navigator', {
    locks: navigator.locks,
    storage: { estimate: async () => ({ quota, usage: memory.usedBytes }) },
  })
  vi.stubGlobal('fetch', async (url: string, { signal }: RequestInit) => {
    await Promise.race([before(++asked, url), new Promise((_, reject) => signal?.addEventListener('abort', reject))])
    signal?.throwIfAborted()
    const sealed = store.get(url.split('/').at(-1) ?? '')
    if (!sealed) return new Response(null, { status: 404 })
    const range = `bytes 0-${sealed.length - 1}/${sealed.length}`
    return new Response(sealed, {
      status: 206,
      headers: { 'content-range': range, 'content-length': String(sealed.length) },
    })
  })
})
afterEach(() => {
  for (const channel of channels.splice(0)) channel.close()
  vi.unstubAllGlobals()
})

/** A tab. */
function tab(): Keeper {
  return new Keeper({
    async read(media) {
      const found = items.find(({ record }) => record.mediaId === media)
      if (!found) throw new AppError('media/not-found')
      return found
    },
    list: async () => items.toReversed(),
    hasWorker: () => hasWorker,
    setBusy: (isOn) => {
      isBusy = isOn
    },
  })
}

const SET = 'r/AAAAAAAAAAAAAAAAAAAAAA'
/** A video with one quality, which the worker announces twice. */
const FILM = new Map<string, Bytes>([
  [`${SET}/master-1.m3u8`, utf8('#EXTM3U\n#EXT-X-STREAM-INF:RESOLUTION=640x360\n360p/index.m3u8\n')],
  [`${SET}/master-2.m3u8`, utf8('#EXTM3U\n#EXT-X-STREAM-INF:RESOLUTION=640x360\n360p/index.m3u8\n')],
  [`${SET}/360p/index.m3u8`, utf8('#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n00001.m4s\n')],
  [`${SET}/360p/init.mp4`, randomBytes(300)],
  [`${SET}/360p/00001.m4s`, randomBytes(SIZE)],
])
const FILM_MADE: WorkerDocument = {
  v: 1,
  status: 'ready',
  kind: 'video',
  master: `${SET}/master-1.m3u8`,
  renditions: [{ name: '360p', width: 640, height: 360, bandwidth: 1000, codecs: 'avc1' }],
}

async function share(files = new Map([['original', randomBytes(SIZE)]])): Promise<Item> {
  const mediaId = newMediaId()
  const contentKey = newKey()
  for (const [name, bytes] of files) {
    const sealed = await sealObject({ contentKey, mediaId, name }, bytes, randomBytes(16))
    store.set(await objectId(contentKey, name), sealed)
  }
  const item: Item = {
    record: {
      mediaId,
      groupId: group,
      epoch: 1,
      wrappedContent: await wrapContentKey(keys.media, { groupId: group, mediaId, epoch: 1 }, contentKey),
      wrappedCard: randomBytes(60),
      card: { revision: 1, sealed: randomBytes(64) },
      authorId: newUserId(),
      state: 'ready',
      workerDocument: null,
      job: null,
      createdAt: items.length,
      changeSeq: 1,
    },
    card: { title: 't', fileName: 'f', type: 'application/x', sizeBytes: SIZE, hasThumb: false },
    made: null,
    fault: null,
  }
  items.push(item)
  return item
}

/** A video whose job stands like that; the worker has made nothing of it. */
async function shareVideo(state: JobView['state'] | null = 'queued'): Promise<Item> {
  const item = await share(new Map([...FILM, ['original', randomBytes(SIZE)]]))
  return becomes(item, { job: state, card: { type: 'video/mp4', durationMs: 1000 } })
}

/** What became of an item since, as everybody sees it. */
function becomes(
  item: Item,
  change: { job?: JobView['state'] | null; card?: Partial<Card>; made?: WorkerDocument; revision?: number },
): Item {
  const at = items.findIndex(({ record }) => record.mediaId === idOf(item))
  const now = items[at] as Item
  const { mediaId, groupId, job, workerDocument } = now.record
  const nothing = { stage: null, permille: 0, etaMs: null, waitReason: null, failure: null, attempt: 0 }
  const jobOf = (state: JobView['state']) => {
    const jobId = idFromBytes(randomBytes(16)) as JobId
    return { jobId, groupId, mediaId, state, ...nothing, createdAt: 0, updatedAt: 0 }
  }
  const record = {
    ...now.record,
    job: change.job === undefined ? job : change.job && jobOf(change.job),
    workerDocument: change.revision
      ? { revision: change.revision, sealed: randomBytes(64), workerId: newUserId() }
      : workerDocument,
  }
  items[at] = { ...now, record, card: { ...(now.card as Card), ...change.card }, made: change.made ?? now.made }
  return items[at]
}

const idOf = ({ record }: Item): MediaId => record.mediaId
/** Resolves when the keeper shows it so. */
const shows = (keeper: Keeper, item: Item, state: string | undefined) =>
  keeper.rows.until((rows) => rows.get(idOf(item))?.state === state)
const isHere = async (item: Item) => {
  const { objects = [] } = (await readKept(idOf(item))) ?? {}
  for (const { objectId: id, sealedBytes } of objects)
    if (!equalBytes(await readKeptRange(idOf(item), id, 0, sealedBytes ?? 0), store.get(id) as Bytes)) return false
  return objects.length > 0
}
/** Holds the n-th request until `go`. */
function holdAt(number: number) {
  const reached = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  before = (now) => {
    if (now !== number) return undefined
    reached.resolve()
    return go.promise
  }
  return { reached: reached.promise, go: () => go.resolve() }
}

it('keeps one after the other', async () => {
  const [one, two] = [await share(), await share()]
  const keeper = tab()
  const held = holdAt(1)
  await keeper.keep([one, two])
  await held.reached
  expect(asked).toBe(1)
  held.go()
  await shows(keeper, one, 'kept')
  await shows(keeper, two, 'kept')
  expect([await isHere(one), await isHere(two)]).toEqual([true, true])
})

it('pauses in the middle, starts nothing by itself, and goes on when told', async () => {
  const item = await share()
  const keeper = tab()
  const held = holdAt(1)
  await keeper.keep([item])
  await held.reached
  await keeper.pause(idOf(item))
  held.go()
  const other = await share()
  await keeper.keep([other])
  await shows(keeper, other, 'kept')
  expect((await readKept(idOf(item)))?.state).toBe('paused')
  await keeper.resume(idOf(item))
  await shows(keeper, item, 'kept')
})

it('cancelled in the middle, leaves nothing behind', async () => {
  const item = await share()
  const keeper = tab()
  const held = holdAt(1)
  await keeper.keep([item])
  await held.reached
  await keeper.remove(idOf(item))
  held.go()
  const other = await share()
  await keeper.keep([other])
  await shows(keeper, other, 'kept')
  expect(await readKept(idOf(item))).toBeNull()
  expect(await itemsWithPieces()).toEqual([idOf(other)])
})

it('leaves what is kept, or paused, as it is when it is chosen once more among others', async () => {
  const [kept, paused, fresh] = [await share(), await share(), await share()]
  const keeper = tab()
  await keeper.keep([kept], null)
  await shows(keeper, kept, 'kept')
  const held = holdAt(2)
  await keeper.keep([paused], null)
  await held.reached
  await keeper.pause(idOf(paused))
  held.go()
  const was = await readKept(idOf(kept))
  await keeper.keep([kept, paused, fresh])
  await shows(keeper, fresh, 'kept')
  expect(await readKept(idOf(kept))).toEqual(was)
  expect((await readKept(idOf(paused)))?.state).toBe('paused')
})

it('an item that the storage fails on says so, and does not hold up the next', async () => {
  const [bad, good] = [await share(), await share()]
  const open = memory.open.bind(memory)
  vi.spyOn(memory, 'open').mockImplementation(async (name) => {
    const cache = await open(name)
    const put = () => Promise.reject(new DOMException('disk', 'UnknownError'))
    return name.endsWith(idOf(bad)) ? { ...cache, put } : cache
  })
  const keeper = tab()
  await keeper.keep([bad, good])
  await shows(keeper, good, 'kept')
  await shows(keeper, bad, 'failed')
  expect((await readKept(idOf(bad)))?.problem).toBe('offline/storage')
})

it('what was watched last is the last to make room', async () => {
  const [one, two] = [await share(), await share()]
  const keeper = tab()
  await keeper.keep([one, two])
  await shows(keeper, one, 'kept')
  await shows(keeper, two, 'kept')
  const order = async () => {
    const rows = [...keeper.rows.value.values()]
    return toMakeRoom(rows, await readTaken(rows), memory.usedBytes, new Set()).map(({ mediaId }) => mediaId)
  }
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 1000 })
  onTestFinished(() => void vi.useRealTimers())
  await keeper.watched(idOf(one))
  expect(await order()).toEqual([two, one].map(idOf))
  vi.setSystemTime(Date.now() + 1000)
  await keeper.watched(idOf(two))
  expect(await order()).toEqual([one, two].map(idOf))
  // Of what is not kept nothing is written down.
  const other = await share()
  await keeper.watched(idOf(other))
  expect(await readKept(idOf(other))).toBeNull()
})

describe('where there is no room', () => {
  it('asks the server for nothing that could not fit', async () => {
    const item = await share()
    quota = 50 * 2 ** 20 + SIZE - 1
    const keeper = tab()
    await keeper.keep([item])
    await shows(keeper, item, 'no-room')
    expect(asked).toBe(0)
    quota += 1
    await keeper.resume(idOf(item))
    await shows(keeper, item, 'kept')
  })

  it('nothing half stays, and it goes on by itself once something was taken off', async () => {
    const [old, large] = [await share(), await share()]
    const keeper = tab()
    await keeper.keep([old])
    await shows(keeper, old, 'kept')
    memory.roomBytes = memory.usedBytes + 100
    await keeper.keep([large])
    await shows(keeper, large, 'no-room')
    expect(await itemsWithPieces()).toEqual([idOf(old)])
    await keeper.remove(idOf(old))
    await shows(keeper, large, 'kept')
  })

  it('for another quality, the one that was here stays whole, and the other one can be tried again', async () => {
    const rendition = { name: '360p', width: 640, height: 360, bandwidth: 1000, codecs: 'avc1' }
    const made: WorkerDocument = {
      v: 1,
      status: 'ready',
      kind: 'video',
      master: `${SET}/master-1.m3u8`,
      renditions: [rendition],
    }
    const film = { ...(await share(new Map([...FILM, ['original', randomBytes(SIZE)]]))), made }
    items = [film]
    const keeper = tab()
    await keeper.keep([film], 360)
    await shows(keeper, film, 'kept')
    const was = await readKept(idOf(film))
    const taken = memory.usedBytes
    memory.roomBytes = taken + 100
    const isTried = shows(keeper, film, 'waiting')
    await keeper.keep([film], null)
    await isTried
    await shows(keeper, film, 'kept')
    expect(await readKept(idOf(film))).toEqual({ ...was, problem: 'offline/no-room' })
    expect(await isHere(film)).toBe(true)
    expect(memory.usedBytes).toBe(taken)
    memory.roomBytes = Number.POSITIVE_INFINITY
    await keeper.keep([film], null)
    await keeper.rows.until((rows) => rows.get(idOf(film))?.height === null && rows.get(idOf(film))?.state === 'kept')
    expect(await readKept(idOf(film))).toMatchObject({ height: null, problem: null })
    expect((await readKept(idOf(film)))?.before).toBeUndefined()
    expect(await isHere(film)).toBe(true)
  })

  it('what lies here already is not asked for a second time', async () => {
    const item = await share()
    const sealed = store.get([...store.keys()][0] ?? '') as Bytes
    await (await Pieces.open(idOf(item))).write([...store.keys()][0] as ObjectId, 0, sealed, sealed.length)
    quota = memory.usedBytes + 50 * 2 ** 20
    const keeper = tab()
    await keeper.keep([item])
    await shows(keeper, item, 'kept')
    expect(asked).toBe(0)
  })
})

it('what the worker makes later finds no room: the film plays on as it was kept', async () => {
  const { master } = FILM_MADE
  const made: WorkerDocument = { ...FILM_MADE, status: 'partial' }
  const film = { ...(await share(FILM)), made }
  const written = { revision: 1, sealed: randomBytes(64), workerId: newUserId() }
  items = [{ ...film, record: { ...film.record, workerDocument: written } }]
  const keeper = tab()
  await keeper.keep(items)
  await shows(keeper, film, 'kept')
  const was = await readKept(idOf(film))
  expect(was).toMatchObject({ revision: 1, master })
  const record = { ...film.record, workerDocument: { ...written, revision: 2 } }
  items = [{ ...film, record, made: { ...made, status: 'ready', master: `${SET}/master-2.m3u8` } }]
  memory.roomBytes = memory.usedBytes
  const isTried = shows(keeper, film, 'waiting')
  await keeper.sweep(async () => ({ revision: 2 }))
  await isTried
  await shows(keeper, film, 'kept')
  expect(await readKept(idOf(film))).toEqual({ ...was, tooLarge: 2 })
  expect(await isHere(film)).toBe(true)
})

describe('the newest of a group', () => {
  it('come, and leave when newer ones do; never what is watched in any tab, or was chosen by hand', async () => {
    const [one, two, three] = [await share(), await share(), await share()]
    const keeper = tab()
    await keeper.keep([one])
    await shows(keeper, one, 'kept')
    await keeper.keepNewest(group, 2)
    await shows(keeper, three, 'kept')
    expect([...keeper.rows.value.keys()].sort()).toEqual([one, two, three].map(idOf).sort())
    const end = watch(idOf(two))
    const [four, five] = [await share(), await share()]
    await keeper.follow(group)
    await shows(keeper, five, 'kept')
    expect([...keeper.rows.value.keys()].sort()).toEqual([one, two, four, five].map(idOf).sort())
    end()
    await vi.waitUntil(async () => (await navigator.locks.query()).held?.length === 0)
    await keeper.follow(group)
    expect(await readKept(idOf(two))).toBeNull()
    await keeper.keepNewest(group, 0)
    expect([...keeper.rows.value.keys()]).toEqual([idOf(one)])
  })
})

describe('what the worker has not finished', () => {
  const HIGH = { name: '720p', width: 1280, height: 720, bandwidth: 2000, codecs: 'avc1' }

  it.each(['chosen among others', 'by rule'])('waits for it, %s, and comes in the quality for a phone', async (how) => {
    const film = await shareVideo()
    const keeper = tab()
    if (how === 'by rule') await keeper.keepNewest(group, 10)
    else expect(await keeper.keep([film])).toEqual({ begun: 1, known: 0 })
    await shows(keeper, film, 'unmade')
    becomes(film, { job: 'running', made: { ...FILM_MADE, status: 'partial' }, revision: 1 })
    await keeper.follow(group)
    const other = await share()
    await keeper.keep([other])
    await shows(keeper, other, 'kept')
    expect((await readKept(idOf(film)))?.state).toBe('unmade')
    expect(asked).toBe(1)
    becomes(film, { job: 'done', made: { ...FILM_MADE, status: 'ready' }, revision: 2 })
    await keeper.follow(group)
    await shows(keeper, film, 'kept')
    expect(await readKept(idOf(film))).toMatchObject({ height: 360, revision: 2, byRule: how === 'by rule' })
    expect(await isHere(film)).toBe(true)
  })

  it('and was chosen by hand comes as it is', async () => {
    const film = await shareVideo()
    const keeper = tab()
    await keeper.keep([film])
    await shows(keeper, film, 'unmade')
    await keeper.keep([film], null)
    await shows(keeper, film, 'kept')
    becomes(film, { job: 'done', made: FILM_MADE, revision: 1 })
    await keeper.follow(group)
    await keeper.sweep(async () => ({ revision: 1 }))
    expect(await readKept(idOf(film))).toMatchObject({ state: 'kept', height: null })
  })

  it.each<[string, JobView['state'] | null, boolean]>([
    ['failed', 'failed', true],
    ['was cancelled', 'cancelled', true],
    ['was never asked for', null, true],
    ['has nobody to do it', 'queued', false],
  ])('and never will, comes as it is: its job %s', async (_what, state, isThere) => {
    hasWorker = isThere
    const film = await shareVideo(state)
    const keeper = tab()
    await keeper.keep([film])
    await shows(keeper, film, 'kept')
    expect(await readKept(idOf(film))).toMatchObject({ height: null })
  })

  it('is waited for no longer when the last worker goes', async () => {
    const film = await shareVideo()
    const keeper = tab()
    await keeper.keep([film])
    await shows(keeper, film, 'unmade')
    hasWorker = false
    await keeper.follow(group)
    await shows(keeper, film, 'kept')
  })

  it('and an earlier Kith put in line by rule, as it is, waits now', async () => {
    const film = await shareVideo()
    const at = { objects: [], revision: 0, createdAt: 1, watchedAt: 1 }
    const row = { mediaId: idOf(film), groupId: group, height: null, problem: null, byRule: true, ...at }
    await changeKept(idOf(film), () => ({ ...row, state: 'waiting' }))
    const keeper = tab()
    await keeper.start()
    await shows(keeper, film, 'unmade')
    expect(asked).toBe(0)
  })

  it('was kept as it is: once made, the smaller one takes its place, and plays meanwhile as it was', async () => {
    hasWorker = false
    const film = await shareVideo()
    const keeper = tab()
    await keeper.keep([film])
    await shows(keeper, film, 'kept')
    hasWorker = true
    await keeper.follow(group)
    expect((await readKept(idOf(film)))?.state).toBe('kept')
    becomes(film, { job: 'done', made: FILM_MADE, revision: 1 })
    const held = holdAt(asked + 1)
    await keeper.follow(group)
    await held.reached
    expect(playsHere((await readKept(idOf(film))) as KeptRow)).toBe(true)
    held.go()
    await shows(keeper, film, 'kept')
    expect(await readKept(idOf(film))).toMatchObject({ height: 360 })
    expect(await isHere(film)).toBe(true)
  })

  it('found no room as it is, and comes by itself once there is a smaller one', async () => {
    hasWorker = false
    const film = await shareVideo()
    quota = 50 * 2 ** 20 + SIZE - 1
    const keeper = tab()
    await keeper.keep([film])
    await shows(keeper, film, 'no-room')
    becomes(film, { job: 'done', made: FILM_MADE, revision: 1 })
    await keeper.follow(group)
    await shows(keeper, film, 'kept')
    expect(await readKept(idOf(film))).toMatchObject({ height: 360, problem: null })
  })

  it('of a rule with a quality of its own goes by that one, also when it is changed', async () => {
    const film = await shareVideo('done')
    becomes(film, { made: { ...FILM_MADE, renditions: [...(FILM_MADE.renditions ?? []), HIGH] }, revision: 1 })
    const keeper = tab()
    await keeper.keepNewest(group, 10, 480)
    await shows(keeper, film, 'kept')
    expect(await readKept(idOf(film))).toMatchObject({ height: 360, most: 480 })
    await keeper.keepNewest(group, 10, null)
    await keeper.rows.until((rows) => rows.get(idOf(film))?.height === null && rows.get(idOf(film))?.state === 'kept')
    expect(await isHere(film)).toBe(true)
  })
})

describe('what somebody took off although a rule would keep it', () => {
  it('stays off, also in another tab, until it is kept by hand', async () => {
    const [one, two] = [await share(), await share()]
    const keeper = tab()
    await keeper.keepNewest(group, 10)
    await shows(keeper, one, 'kept')
    await shows(keeper, two, 'kept')
    await keeper.remove(idOf(one))
    for (const each of [keeper, tab()]) {
      await each.start()
      await each.follow(group)
      expect([...each.rows.value.keys()]).toEqual([idOf(two)])
    }
    expect(await itemsWithPieces()).toEqual([idOf(two)])
    expect(await keeper.keep([one])).toEqual({ begun: 1, known: 0 })
    await shows(keeper, one, 'kept')
    await keeper.remove(idOf(one))
    await keeper.keep([one], null)
    await shows(keeper, one, 'kept')
    await keeper.follow(group)
    expect(await readKept(idOf(one))).toMatchObject({ byRule: false })
  })

  it('comes again with a new rule, and is forgotten when it is no longer among the newest', async () => {
    const one = await share()
    const keeper = tab()
    await keeper.keepNewest(group, 1)
    await shows(keeper, one, 'kept')
    await keeper.remove(idOf(one))
    await keeper.keepNewest(group, 0)
    expect(await readKept(idOf(one))).toBeNull()
    await keeper.keepNewest(group, 1)
    await shows(keeper, one, 'kept')
    await keeper.remove(idOf(one))
    expect((await readKept(idOf(one)))?.state).toBe('refused')
    const two = await share()
    await keeper.follow(group)
    await shows(keeper, two, 'kept')
    expect(await readKept(idOf(one))).toBeNull()
  })
})

describe('cancelled while something else of it is fetched', () => {
  it.each(['on its way', 'paused'])('another quality, %s: it is kept as it was, and no more of it', async (how) => {
    const film = await shareVideo('done')
    becomes(film, { made: FILM_MADE, revision: 1 })
    const keeper = tab()
    await keeper.keep([film], null)
    await shows(keeper, film, 'kept')
    const [was, taken] = [await readKept(idOf(film)), await bytesHere(idOf(film))]
    // Both playlists are here by then.
    const held = holdAt(asked + 3)
    await keeper.keep([film], 360)
    await held.reached
    expect(await bytesHere(idOf(film))).toBeGreaterThan(taken)
    await (how === 'paused' ? keeper.pause(idOf(film)) : keeper.cancel(idOf(film)))
    held.go()
    const other = await share()
    await keeper.keep([other])
    await shows(keeper, other, 'kept')
    if (how === 'paused') await keeper.cancel(idOf(film))
    expect(await readKept(idOf(film))).toEqual({ ...was, cancelled: 0 })
    expect(await bytesHere(idOf(film))).toBe(taken)
    expect(await isHere(film)).toBe(true)
  })

  it('what the worker made since, it is not fetched again before there is more', async () => {
    hasWorker = false
    const film = await shareVideo()
    const keeper = tab()
    await keeper.keep([film])
    await shows(keeper, film, 'kept')
    const was = await readKept(idOf(film))
    const { record } = becomes(film, { job: 'done', made: FILM_MADE, revision: 1 })
    await takeMedia([record])
    const held = holdAt(asked + 1)
    await keeper.follow(group)
    await held.reached
    await keeper.cancel(idOf(film))
    held.go()
    await keeper.follow(group)
    await keeper.sweep(async () => ({ revision: 1 }))
    expect(await readKept(idOf(film))).toEqual({ ...was, cancelled: 1 })
    becomes(film, { revision: 2 })
    await keeper.follow(group)
    await keeper.rows.until((rows) => rows.get(idOf(film))?.height === 360)
    await shows(keeper, film, 'kept')
  })
})

it('what failed or found no room is in line again when it is chosen among others, and counted', async () => {
  const [bad, large, fine] = [await share(), await share(), await share()]
  const keeper = tab()
  await keeper.keep([fine])
  await shows(keeper, fine, 'kept')
  const put = vi.spyOn(memory, 'open').mockRejectedValueOnce(new DOMException('disk', 'UnknownError'))
  await keeper.keep([bad])
  await shows(keeper, bad, 'failed')
  put.mockRestore()
  quota = 1
  await keeper.keep([large])
  await shows(keeper, large, 'no-room')
  quota = 2 ** 40
  const { record } = await share()
  const uploading: Item = { record: { ...record, state: 'uploading' }, card: null, made: null, fault: null }
  expect(await keeper.keep([bad, large, fine, uploading])).toEqual({ begun: 2, known: 1 })
  await shows(keeper, bad, 'kept')
  await shows(keeper, large, 'kept')
  expect(await keeper.keep([uploading])).toEqual({ begun: 0, known: 0 })
})

it('says that there is no room for another quality at once: what the older one takes stays taken', async () => {
  const film = await shareVideo('done')
  becomes(film, { made: FILM_MADE, revision: 1 })
  const keeper = tab()
  await keeper.keep([film], 360)
  await shows(keeper, film, 'kept')
  const before = asked
  quota = memory.usedBytes + 50 * 2 ** 20 + SIZE - 1
  await keeper.keep([film], null)
  await keeper.rows.until((rows) => rows.get(idOf(film))?.problem === 'offline/no-room')
  expect(asked).toBe(before)
  quota += 1
  await keeper.keep([film], null)
  await keeper.rows.until((rows) => rows.get(idOf(film))?.height === null && rows.get(idOf(film))?.state === 'kept')
})

it('a network that takes a question and never answers is given up, is no reason to stay awake, and is asked again', async () => {
  const item = await share()
  const keeper = tab()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const held = holdAt(1)
  await keeper.keep([item])
  await held.reached
  expect(isBusy).toBe(false)
  await vi.advanceTimersByTimeAsync(STALLED_MS)
  const again = holdAt(2)
  await vi.waitUntil(() => vi.getTimerCount() > 0)
  expect((await readKept(idOf(item)))?.state).toBe('waiting')
  await vi.advanceTimersByTimeAsync(15_000)
  await again.reached
  expect(isBusy).toBe(false)
  const isBusyThen = keeper.progress.until(({ size }) => size > 0).then(() => isBusy)
  again.go()
  expect(await isBusyThen).toBe(true)
  await shows(keeper, item, 'kept')
  await vi.waitUntil(() => !isBusy)
})

it('what the browser fetches by itself is no reason to stay awake', async () => {
  const large = { ...FILM_MADE, renditions: FILM_MADE.renditions?.map((one) => ({ ...one, bandwidth: 2 ** 30 })) ?? [] }
  const film = await shareVideo('done')
  becomes(film, { made: large, revision: 1 })
  const isBegun = Promise.withResolvers<boolean>()
  const fetching = Object.assign(new EventTarget(), {
    result: '',
    failureReason: '',
    downloaded: 1,
    abort: async () => true,
  })
  const isBusyBefore: boolean[] = []
  const backgroundFetch = {
    getIds: async () => [],
    get: async () => undefined,
    fetch: async () => {
      isBegun.resolve(isBusy)
      return fetching
    },
  }
  vi.stubGlobal('navigator', { ...navigator, serviceWorker: { getRegistration: async () => ({ backgroundFetch }) } })
  vi.stubGlobal('Request', class {})
  before = () => void isBusyBefore.push(isBusy)
  const keeper = tab()
  await keeper.keep([film])
  expect(await isBegun.promise).toBe(false)
  // The playlists were fetched by the page.
  expect(isBusyBefore).toEqual([false, true])
  await keeper.progress.until(({ size }) => size > 0)
  expect(isBusy).toBe(false)
  fetching.result = 'failure'
  fetching.dispatchEvent(new Event('progress'))
  const tabs = new BroadcastChannel(KEPT_CHANNEL)
  tabs.postMessage({ fetched: idOf(film) })
  await shows(keeper, film, 'kept')
})

describe('after the device caught up', () => {
  it('what may no longer be seen goes, also in the middle, and so does what no row names', async () => {
    const [gone, stays] = [await share(), await share()]
    const keeper = tab()
    await keeper.keep([stays])
    await shows(keeper, stays, 'kept')
    const held = holdAt(2)
    await keeper.keep([gone])
    await held.reached
    const left = newMediaId()
    await Pieces.open(left)
    await keeper.sweep(async ({ mediaId }) => (mediaId === idOf(gone) ? null : { revision: 0 }))
    held.go()
    expect([...keeper.rows.value.keys()]).toEqual([idOf(stays)])
    expect(await itemsWithPieces()).toEqual([idOf(stays)])
  })

  it.each(['one piece', 'all of it'])('what the browser has thrown away comes again: %s', async (lost) => {
    const film = { ...(await share(FILM)), made: FILM_MADE }
    items = [film]
    const keeper = tab()
    await keeper.keep(items)
    await shows(keeper, film, 'kept')
    const was = await readKept(idOf(film))
    const name = `kith/kept/${idOf(film)}`
    if (lost === 'all of it') await memory.delete(name)
    else {
      const id = was?.objects.at(-1)?.objectId
      await (await memory.open(name)).delete(`/kept/${id}/0`)
    }
    const next = tab()
    await next.start()
    const held = holdAt(asked + 1)
    await next.sweep(async () => ({ revision: 0 }))
    await held.reached
    // Without network it goes on showing what is left.
    const { state, objects = [] } = (await readKept(idOf(film))) ?? {}
    expect(state).toBe('waiting')
    expect(objects.filter(({ sealedBytes }) => sealedBytes === null)).toHaveLength(
      lost === 'all of it' ? (was?.objects.length ?? 0) : 1,
    )
    held.go()
    await shows(next, film, 'kept')
    expect(await readKept(idOf(film))).toEqual(was)
    expect(await isHere(film)).toBe(true)
  })

  it('what the browser has thrown away, and what is here, stays as it is where there is no room to fetch it again', async () => {
    const film = { ...(await share(FILM)), made: FILM_MADE }
    items = [film]
    const keeper = tab()
    await keeper.keep(items)
    await shows(keeper, film, 'kept')
    const id = (await readKept(idOf(film)))?.objects.at(-1)?.objectId
    await (await memory.open(`kith/kept/${idOf(film)}`)).delete(`/kept/${id}/0`)
    const left = memory.usedBytes
    quota = left
    const next = tab()
    await next.start()
    await next.sweep(async () => ({ revision: 0 }))
    await shows(next, film, 'failed')
    expect((await readKept(idOf(film)))?.problem).toBe('offline/no-room')
    expect(memory.usedBytes).toBe(left)
  })

  it('what the server does not show any more goes when it is its turn', async () => {
    const item = await share()
    items = []
    const keeper = tab()
    await keeper.keep([item])
    await shows(keeper, item, undefined)
    expect(await itemsWithPieces()).toEqual([])
  })
})

describe('two tabs', () => {
  it('fetch one after the other, and the second goes on when the first is done', async () => {
    const [first, second] = [tab(), tab()]
    const [one, two] = [await share(), await share()]
    const held = holdAt(1)
    await first.keep([one])
    await held.reached
    await second.keep([two])
    expect(asked).toBe(1)
    held.go()
    await shows(second, two, 'kept')
    await shows(second, one, 'kept')
  })

  it('obey each other: what one pauses the other does not go on with', async () => {
    const [first, second] = [tab(), tab()]
    const [one, two] = [await share(), await share()]
    const held = holdAt(1)
    await first.keep([one])
    await held.reached
    await second.pause(idOf(one))
    await shows(first, one, 'paused')
    // Without an answer to the first request.
    await first.keep([two])
    await shows(second, two, 'kept')
    expect((await readKept(idOf(one)))?.state).toBe('paused')
  })
})
