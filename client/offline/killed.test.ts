import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { objectId } from '../../shared/crypto/object-key.ts'
import { newGroupId, newKey, newMediaId, newUserId, randomBytes } from '../../shared/crypto/random.ts'
import { sealObject } from '../../shared/crypto/seal-object.ts'
import { wrapContentKey } from '../../shared/crypto/wraps.ts'
import { eraseDevice } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'
import { writeGroupKeys } from '../../shared/device/group-keys.ts'
import { changeKept, readKept, readKeptRange, removeKept, writeKeepRule } from '../../shared/device/kept.ts'
import { itemsWithPieces, PIECE_BYTES } from '../../shared/device/kept-pieces.ts'
import { type Bytes, equalBytes, utf8 } from '../../shared/format/bytes.ts'
import { MemoryCaches } from '../../shared/testing/cache-storage.ts'
import { keepFetched } from '../../sw/keep.ts'
import { Signal } from '../app/signal.ts'
import type { Item } from '../media/items.ts'
import { Keeper } from './keeper.ts'

/** A page or a Service Worker: from the step on at which it is stopped, nothing that it does has any effect. */
class Program {
  readonly #stopAt: number
  readonly #end = Promise.withResolvers<void>()
  readonly ended = this.#end.promise
  isStopped = false
  /** Held while it keeps something. */
  readonly holdsLock = new Signal(false)
  #steps = 0

  constructor(stopAt = Number.POSITIVE_INFINITY) {
    this.#stopAt = stopAt
  }

  /** @returns whether it goes on. */
  step(): boolean {
    if (++this.#steps === this.#stopAt) this.stop()
    return !this.isStopped
  }

  stop(): void {
    this.isStopped = true
    this.#end.resolve()
  }
}

/** `effect`: a step before what is written, removed, asked or said, and one after it. */
const { running, effect } = await vi.hoisted(async () => {
  const { AsyncLocalStorage } = await import('node:async_hooks')
  const running = new AsyncLocalStorage<Program>()
  const forEver = new Promise<never>(() => undefined)
  const effect =
    <A extends unknown[], R>(happen: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const program = running.getStore()
      if (program?.step() === false) return forEver
      const result = await happen(...args)
      return program?.step() === false ? forEver : result
    }
  return { running, effect }
})

vi.mock(import('../../shared/device/kept.ts'), async (original) => {
  const real = await original()
  return { ...real, changeKept: effect(real.changeKept), removeKept: effect(real.removeKept) }
})

const group = newGroupId()
const keys = { media: newKey(), meta: newKey() }
const contentKey = newKey()
const mediaId = newMediaId()
const SET = 'r/AAAAAAAAAAAAAAAAAAAAAA'
const ORIGINAL = ['original']
const AT_360 = ['master-1.m3u8', '360p/index.m3u8', '360p/init.mp4', '360p/00001.m4s', '360p/00002.m4s'].map(
  (name) => `${SET}/${name}`,
)
const store = new Map<string, Bytes>()
const namesOf = new Map<string, string>()
for (const [name, bytes] of new Map<string, Bytes>([
  ['original', randomBytes(5000)],
  [`${SET}/master-1.m3u8`, utf8('#EXTM3U\n#EXT-X-STREAM-INF:RESOLUTION=640x360\n360p/index.m3u8\n')],
  [`${SET}/360p/index.m3u8`, utf8('#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n00001.m4s\n00002.m4s\n')],
  [`${SET}/360p/init.mp4`, randomBytes(300)],
  [`${SET}/360p/00001.m4s`, randomBytes(3000)],
  [`${SET}/360p/00002.m4s`, randomBytes(4000)],
])) {
  const id = await objectId(contentKey, name)
  store.set(id, await sealObject({ contentKey, mediaId, name }, bytes, randomBytes(16)))
  namesOf.set(id, name)
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
    createdAt: 1,
    changeSeq: 1,
  },
  card: { title: 't', fileName: 'f', type: 'video/mp4', sizeBytes: 5000, hasThumb: false },
  made: null,
  fault: null,
}
/** A second of it. @param bandwidth what the browser fetches in the background is large by this word alone. */
const filmOf = (bandwidth: number): Item => ({
  ...item,
  made: {
    v: 1,
    status: 'ready',
    kind: 'video',
    master: `${SET}/master-1.m3u8`,
    durationMs: 1000,
    renditions: [{ name: '360p', width: 640, height: 360, bandwidth, codecs: 'avc1' }],
  },
})
const [SMALL, LARGE] = [filmOf(1000), filmOf(2 ** 30)]

/** What the server shows. */
let shown: Item
let memory = new MemoryCaches()
/** What was asked of the server although it was here. */
let askedTwice: string[]
/** How many objects the browser has fetched by itself. */
let inBackground: number
let worker: Program
/** Resolves once the Service Worker has ended its work, or was stopped in it. */
let workerDone: Promise<unknown>
/** What happens while the Service Worker writes, at the second piece. */
let meanwhile: () => Promise<unknown>
let isCancelled: boolean
const channels: BroadcastChannel[] = []

async function startOver(): Promise<void> {
  await eraseDevice()
  await createKey('device')
  await writeGroupKeys(group, new Map([[1, keys]]))
  shown = SMALL
  memory = new MemoryCaches()
  askedTwice = []
  inBackground = 0
  worker = new Program()
  workerDone = Promise.resolve()
  meanwhile = async () => undefined
  isCancelled = false
  for (const channel of channels.splice(0)) channel.close()
}

beforeEach(() => {
  const open = async (name: string) => {
    const cache = await memory.open(name)
    return { ...cache, put: effect(cache.put), delete: effect(cache.delete) }
  }
  vi.stubGlobal('caches', {
    keys: () => memory.keys(),
    has: (name: string) => memory.has(name),
    match: (url: string, options: { cacheName: string }) => memory.match(url, options),
    open: effect(open),
    delete: effect((name: string) => memory.delete(name)),
  })
  vi.stubGlobal('fetch', effect(serve))
  vi.stubGlobal('addEventListener', () => undefined)
  vi.stubGlobal('BroadcastChannel', Channel)
  vi.stubGlobal('Request', PageRequest)
  vi.stubGlobal('navigator', {
    // One page at a time, and the browser gives back the lock of one that is gone.
    locks: { request: holdLock },
    serviceWorker: { getRegistration: async () => ({ backgroundFetch: new FetchManager() }) },
    storage: { estimate: async () => ({ quota: 2 ** 40, usage: memory.usedBytes }) },
  })
})
afterEach(() => {
  for (const channel of channels.splice(0)) channel.close()
  vi.unstubAllGlobals()
})

async function holdLock(_name: string, task: () => Promise<void>): Promise<void> {
  const lock = running.getStore()?.holdsLock
  if (!lock) throw new Error('nobody asks for it')
  lock.value = true
  await task()
  lock.value = false
}

class Channel extends BroadcastChannel {
  constructor(name: string) {
    super(name)
    channels.push(this)
  }
  override postMessage(message: unknown): void {
    const program = running.getStore()
    if (program?.step() === false) return
    super.postMessage(message)
    program?.step()
  }
}

class PageRequest extends Request {
  constructor(path: string, options: RequestInit) {
    super(new URL(path, 'https://kith.test'), options)
  }
}

async function serve(url: string | Request, { headers }: { headers: HeadersInit }): Promise<Response> {
  const id =
    String(url instanceof Request ? url.url : url)
      .split('/')
      .at(-1) ?? ''
  const sealed = store.get(id)
  if (!sealed) return new Response(null, { status: 404 })
  const range = new Headers(headers).get('range')
  const [from = 0, last = sealed.length - 1] = range?.slice('bytes='.length).split('-').map(Number) ?? []
  const piece = `/kept/${id}/${from / PIECE_BYTES}`
  if (await memory.match(piece, { cacheName: `kith/kept/${mediaId}` })) askedTwice.push(`${namesOf.get(id)} ${from}`)
  const part = sealed.slice(from, last + 1)
  return new Response(part, {
    status: range ? 206 : 200,
    headers: {
      'content-length': String(part.length),
      ...(range && { 'content-range': `bytes ${from}-${from + part.length - 1}/${sealed.length}` }),
    },
  })
}

/** The browser, which fetches whether or not a page is open, and then wakes the Service Worker. */
class FetchManager {
  async get() {}
  async getIds() {
    return []
  }
  async fetch(id: string, requests: Request[]) {
    const fetching = Object.assign(new EventTarget(), {
      result: '',
      failureReason: '',
      downloaded: 0,
      abort: async () => false,
    })
    inBackground += requests.length
    const fetched = await Promise.all(
      requests.map(async (request, index) => {
        const response = await serve(request, request)
        return {
          request,
          get responseReady() {
            return index === 1 ? running.exit(meanwhile).then(() => response) : Promise.resolve(response)
          },
        }
      }),
    )
    const written = running.run(worker, () => keepFetched({ id, matchAll: async () => fetched }, isCancelled))
    workerDone = Promise.race([written.catch(() => undefined), worker.ended])
    Object.assign(fetching, isCancelled ? { result: 'failure', failureReason: 'aborted' } : { result: 'success' })
    return fetching
  }
}

/** A page of Kith, until it was stopped. */
class Page {
  readonly #program: Program
  readonly keeper: Keeper

  constructor(program = new Program()) {
    this.#program = program
    const ports = {
      read: async () => shown,
      list: async () => [shown],
      hasWorker: () => false,
      setBusy: () => undefined,
    }
    this.keeper = running.run(program, () => new Keeper(ports))
  }

  /** Resolves once nothing of it goes on any more. */
  async does(task: (keeper: Keeper) => Promise<unknown>): Promise<void> {
    const isDone = running.run(this.#program, async () => {
      await task(this.keeper)
      await this.keeper.rows.until((rows) => [...rows.values()].every(({ state }) => state !== 'waiting'))
      await this.#program.holdsLock.until((isHeld) => !isHeld)
    })
    await Promise.race([isDone, this.#program.ended])
  }
}

/** Kith is opened again, and the device has caught up. */
async function openAgain(): Promise<void> {
  worker = new Program()
  meanwhile = async () => undefined
  isCancelled = false
  const page = new Page()
  await page.does((keeper) => keeper.start())
  await page.does((keeper) => keeper.sweep(async () => ({ revision: 0 })))
  if ((await readKept(mediaId))?.state === 'paused') await page.does((keeper) => keeper.resume(mediaId))
}

/** What is here, byte for byte; nothing beside it. */
async function expectWhole(names: readonly string[]): Promise<void> {
  const { objects = [] } = (await readKept(mediaId)) ?? {}
  expect(objects.map(({ objectId: id }) => namesOf.get(id)).sort()).toEqual([...names].sort())
  for (const { objectId: id, sealedBytes } of objects)
    expect(equalBytes(await readKeptRange(mediaId, id, 0, sealedBytes ?? 0), store.get(id) as Bytes)).toBe(true)
  const bytes = objects.reduce((sum, { sealedBytes }) => sum + (sealedBytes ?? 0), 0)
  expect(memory.usedBytes).toBe(bytes)
}

async function expectNothing(): Promise<void> {
  expect(memory.usedBytes).toBe(0)
  expect(await itemsWithPieces()).toEqual([])
}

type Story = {
  /** Before anything can be stopped. */
  before?: () => Promise<void>
  act: (keeper: Keeper) => Promise<unknown>
  /** After Kith was opened again. */
  check: () => Promise<void>
}

/**
 * The story with a stop at its first step, at its second, and so on, until it comes to its end before; where the Service
 * Worker is stopped, so is the page. @returns how many steps it takes.
 */
async function stoppedAtEveryStep(who: 'page' | 'worker', { before, act, check }: Story): Promise<number> {
  for (let at = 1; ; at++) {
    await startOver()
    await before?.()
    const stopped = new Program(at)
    if (who === 'worker') worker = stopped
    const program = who === 'page' ? stopped : new Program()
    await Promise.race([new Page(program).does(act), stopped.ended])
    await workerDone
    const isOver = !stopped.isStopped
    program.stop()
    await openAgain()
    try {
      await check()
      expect(askedTwice).toEqual([])
    } catch (error) {
      throw new Error(`stopped at step ${at}`, { cause: error })
    }
    if (isOver) return at - 1
  }
}

const film = (keeper: Keeper) => keeper.keep([shown], 360)
const original = (keeper: Keeper) => keeper.keep([shown], null)
const large = async () => {
  shown = LARGE
}
const stateOf = async () => (await readKept(mediaId))?.state
/** It was stopped before the wish was written down. */
const orNothing = (check: () => Promise<void>) => async () => ((await readKept(mediaId)) ? check() : expectNothing())

describe('a page, stopped at every step', () => {
  it('keeps a film by itself', async () => {
    const steps = await stoppedAtEveryStep('page', { act: film, check: orNothing(() => expectWhole(AT_360)) })
    // Of each object: before and after it is asked for, and written.
    expect(steps).toBeGreaterThan(AT_360.length * 4)
  })

  it('leaves the fetching to the browser', async () => {
    const check = orNothing(() => expectWhole(AT_360))
    expect(await stoppedAtEveryStep('page', { before: large, act: film, check })).toBeGreaterThan(0)
    expect(inBackground).toBe(3)
  })

  it('changes to another quality, and lets the one before go', async () => {
    await stoppedAtEveryStep('page', {
      before: () => new Page().does(film),
      act: original,
      check: async () => expectWhole((await readKept(mediaId))?.height === 360 ? AT_360 : ORIGINAL),
    })
  })

  it('changes to another quality, and is told to leave it', async () => {
    await stoppedAtEveryStep('page', {
      before: () => new Page().does(film),
      act: async (keeper) => {
        await keeper.keep([shown], null)
        await keeper.cancel(mediaId)
      },
      check: async () => expectWhole((await readKept(mediaId))?.height === 360 ? AT_360 : ORIGINAL),
    })
  })

  it('finds no room', async () => {
    await stoppedAtEveryStep('page', {
      before: async () => {
        memory.roomBytes = 3500
      },
      act: film,
      check: async () => {
        if (await readKept(mediaId)) expect(await stateOf()).toBe('no-room')
        await expectNothing()
      },
    })
  })

  it.each([
    ['that it fetches', SMALL],
    ['that the browser fetches', LARGE],
  ])('finds no room for another quality, %s, and falls back to the one before', async (_, one) => {
    await stoppedAtEveryStep('page', {
      before: async () => {
        await new Page().does(original)
        shown = one
        memory.roomBytes = memory.usedBytes + 3500
      },
      act: film,
      check: async () => {
        expect(await stateOf()).toBe('kept')
        await expectWhole(ORIGINAL)
      },
    })
  })

  it('takes it off', async () => {
    await stoppedAtEveryStep('page', {
      before: () => new Page().does(film),
      act: (keeper) => keeper.remove(mediaId),
      check: orNothing(() => expectWhole(AT_360)),
    })
  })

  it('takes off what a rule has brought', async () => {
    await stoppedAtEveryStep('page', {
      before: async () => {
        await writeKeepRule(group, { newest: 1, most: null })
        await new Page().does(film)
      },
      act: (keeper) => keeper.remove(mediaId),
      check: async () => ((await stateOf()) === 'kept' ? expectWhole(AT_360) : expectNothing()),
    })
  })
})

describe('a Service Worker, stopped at every step of writing down what was fetched', () => {
  it('is followed by a page that goes on from there', async () => {
    const check = () => expectWhole(AT_360)
    // Before and after each: row, cache, three pieces, answer.
    expect(await stoppedAtEveryStep('worker', { before: large, act: film, check })).toBe(12)
  })

  it('where the person cancelled it: paused or not, it goes on when it is told', async () => {
    await stoppedAtEveryStep('worker', {
      before: async () => {
        shown = LARGE
        isCancelled = true
      },
      act: film,
      check: () => expectWhole(AT_360),
    })
  })

  it.each([
    ['was taken off', () => removeKept(mediaId)],
    ['found no room', () => changeKept(mediaId, (row) => row && { ...row, state: 'no-room', objects: [] })],
  ])('where the item %s meanwhile: nothing half kept stays', async (_, end) => {
    let hasEnded = false
    const steps = await stoppedAtEveryStep('worker', {
      before: async () => {
        shown = LARGE
        hasEnded = false
        meanwhile = async () => {
          hasEnded = true
          await end()
        }
      },
      act: film,
      check: () => (hasEnded ? expectNothing() : expectWhole(AT_360)),
    })
    expect(steps).toBe(14)
  })

  it('where the item fell back meanwhile to what was kept before: that alone stays', async () => {
    let hasEnded = false
    await stoppedAtEveryStep('worker', {
      before: async () => {
        hasEnded = false
        await new Page().does(original)
        shown = LARGE
        meanwhile = async () => {
          hasEnded = true
          await changeKept(mediaId, (row) => row && { ...row, ...row.before, state: 'kept' })
        }
      },
      act: film,
      check: () => expectWhole(hasEnded ? ORIGINAL : AT_360),
    })
  })
})
