import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { objectId } from '../../shared/crypto/object-key.ts'
import { newKey, newMediaId, randomBytes } from '../../shared/crypto/random.ts'
import { sealObject } from '../../shared/crypto/seal-object.ts'
import { eraseDevice } from '../../shared/device/db.ts'
import { changeKept, keptSize, readKept, readKeptRange, removeKept } from '../../shared/device/kept.ts'
import { itemsWithPieces, KEPT_CHANNEL, PIECE_BYTES } from '../../shared/device/kept-pieces.ts'
import { type Bytes, equalBytes, utf8 } from '../../shared/format/bytes.ts'
import type { MediaId } from '../../shared/format/ids.ts'
import { MemoryCaches } from '../../shared/testing/cache-storage.ts'
import { codeOf } from '../../shared/testing/people.ts'
import type { Card } from '../../shared/wire/card.ts'
import type { WorkerDocument } from '../../shared/wire/worker-document.ts'
import { keepFetched } from '../../sw/keep.ts'
import { type KeepItemPorts, keepItem } from './keep-item.ts'

const SET = 'r/AAAAAAAAAAAAAAAAAAAAAA'
const contentKey = newKey()
const card: Card = { title: 't', fileName: 'f', type: 'video/mp4', sizeBytes: PIECE_BYTES * 2 + 5000, hasThumb: true }
const made: WorkerDocument = { v: 1, status: 'ready', kind: 'video', master: `${SET}/master-2.m3u8` }
const plain = new Map<string, Bytes>([
  ['thumb', randomBytes(3000)],
  ['original', Uint8Array.from({ length: PIECE_BYTES * 2 + 5000 }, (_, i) => (i * 31) & 255)],
  [`${SET}/master-2.m3u8`, utf8('#EXTM3U\n#EXT-X-STREAM-INF:RESOLUTION=640x360\n360p/index.m3u8\n')],
  [
    `${SET}/360p/index.m3u8`,
    utf8(`#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n${[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `0000${n}.m4s`).join('\n')}`),
  ],
  [`${SET}/360p/init.mp4`, randomBytes(800)],
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n): [string, Bytes] => [`${SET}/360p/0000${n}.m4s`, randomBytes(20_000 + n)]),
])

let fetchAhead: KeepItemPorts['fetchAhead']
let mediaId: MediaId
let store: Map<string, Bytes>
let memory: MemoryCaches
let requests: string[]
/** Throws at the n-th step that leaves the program: a fetch, a write. */
let dieAt: number
let steps: number

class Died extends Error {}
const step = () => {
  if (++steps === dieAt) throw new Died('the program was stopped here')
}

beforeEach(async () => {
  await eraseDevice()
  mediaId = newMediaId()
  store = new Map()
  for (const [name, bytes] of plain)
    store.set(await objectId(contentKey, name), await sealObject({ contentKey, mediaId, name }, bytes, randomBytes(16)))
  memory = new MemoryCaches()
  requests = []
  fetchAhead = async () => undefined
  dieAt = 0
  steps = 0
  const open = memory.open.bind(memory)
  vi.stubGlobal('caches', {
    keys: () => memory.keys(),
    delete: (name: string) => memory.delete(name),
    match: memory.match.bind(memory),
    open: async (name: string) => {
      const cache = await open(name)
      const put = async (url: string, response: Response) => {
        step()
        await cache.put(url, response)
        step()
      }
      return { ...cache, put }
    },
  })
  vi.stubGlobal('fetch', async (url: string, { headers }: { headers: { range: string } }) => {
    step()
    const id = url.split('/').at(-1) ?? ''
    const sealed = store.get(id)
    requests.push(`${id} ${headers.range}`)
    if (!sealed) return new Response(null, { status: 404 })
    const [from = 0, last = 0] = headers.range.slice(6).split('-').map(Number)
    const part = sealed.slice(from, last + 1)
    return new Response(part, {
      status: 206,
      headers: {
        'content-range': `bytes ${from}-${from + part.length - 1}/${sealed.length}`,
        'content-length': String(part.length),
      },
    })
  })
  await want()
})

async function want(height: number | null = 360): Promise<void> {
  await changeKept(mediaId, (row) => ({
    ...(row ?? { mediaId, groupId: null, objects: [], createdAt: 1, watchedAt: 1, byRule: false }),
    state: 'waiting',
    height,
    revision: 0,
    problem: null,
  }))
}

function keep(height: number | null = 360, signal = new AbortController().signal, by = made): Promise<void> {
  const ports = {
    signal,
    idOf: (name: string) => objectId(contentKey, name),
    progress: () => undefined,
    came: () => undefined,
    fetchAhead,
  }
  return keepItem({ mediaId, card, made: by, height, contentKey, revision: 2 }, ports)
}

async function isWhole(names: readonly string[]): Promise<boolean> {
  const row = await readKept(mediaId)
  if (row?.state !== 'kept') return false
  for (const name of names) {
    const id = await objectId(contentKey, name)
    const size = row.objects.find((object) => object.objectId === id)?.sealedBytes
    if (size !== store.get(id)?.length) return false
    if (!equalBytes(await readKeptRange(mediaId, id, 0, size ?? 0), store.get(id) as Bytes)) return false
  }
  return true
}
const HLS = [...plain.keys()].filter((name) => name !== 'original')

it('keeps everything a rendition needs, byte for byte, and nothing else', async () => {
  await keep()
  expect(await isWhole(HLS)).toBe(true)
  expect(requests.some((line) => line.startsWith(`${[...store.keys()][1]} `))).toBe(false)
})

it('keeps a large original in pieces and reads across their borders', async () => {
  await want(null)
  await keep(null)
  const id = await objectId(contentKey, 'original')
  const sealed = store.get(id) as Bytes
  expect(await isWhole(['thumb', 'original'])).toBe(true)
  const [from, to] = [PIECE_BYTES - 7, PIECE_BYTES * 2 + 9]
  expect(await readKeptRange(mediaId, id, from, to)).toEqual(sealed.slice(from, to))
})

it('stopped between any two steps, goes on and asks for nothing twice that is here', async () => {
  await keep()
  const total = steps
  for (let at = 1; at <= total; at++) {
    await memory.delete(`kith/kept/${mediaId}`)
    await changeKept(mediaId, (row) => row && { ...row, state: 'waiting', objects: [] })
    steps = 0
    dieAt = at
    await expect(keep(), `step ${at}`).rejects.toThrow()
    expect((await readKept(mediaId))?.state, `step ${at}`).toBe('waiting')
    dieAt = 0
    const before = requests.length
    const here = memory.usedBytes
    await keep()
    expect(await isWhole(HLS), `step ${at}`).toBe(true)
    if (here > 0) expect(requests.length - before, `step ${at}`).toBeLessThan(HLS.length + 1)
  }
})

it('paused, stops between two objects and says so', async () => {
  const stop = new AbortController()
  const done = keep(360, stop.signal)
  stop.abort()
  await expect(done).rejects.toThrow()
  expect((await readKept(mediaId))?.state).toBe('waiting')
})

it('plays by what was kept until something newer is whole: a worker goes on making qualities', async () => {
  await keep()
  const master = `${SET}/master-3.m3u8`
  const name = async (object: string) => objectId(contentKey, object)
  const newer = utf8('#EXTM3U\n#EXT-X-STREAM-INF:RESOLUTION=640x360\n360p/index.m3u8\n#EXT-X-ENDLIST\n')
  const sealed = await sealObject({ contentKey, mediaId, name: master }, newer, randomBytes(16))
  const finished = { ...made, master }
  await changeKept(mediaId, (row) => row && { ...row, state: 'waiting' })
  // The network goes first.
  await expect(keep(360, undefined, finished)).rejects.toThrow()
  expect(await readKept(mediaId)).toMatchObject({ state: 'waiting', master: made.master, revision: 2 })
  expect(await keptSize(mediaId, await name(made.master ?? ''))).not.toBeNull()
  store.set(await name(master), sealed)
  await keep(360, undefined, finished)
  expect(await readKept(mediaId)).toMatchObject({ state: 'kept', master })
  expect(await keptSize(mediaId, await name(made.master ?? ''))).toBeNull()
})

it('keeps what plays by another quality until that one is here', async () => {
  await keep()
  await want(null)
  const original = await objectId(contentKey, 'original')
  const bytes = store.get(original) as Bytes
  store.delete(original)
  await expect(keep(null)).rejects.toThrow()
  expect(await readKept(mediaId)).toMatchObject({ state: 'waiting', master: made.master })
  expect(await keptSize(mediaId, await objectId(contentKey, `${SET}/360p/00001.m4s`))).not.toBeNull()
  store.set(original, bytes)
  await keep(null)
  expect(await readKept(mediaId)).not.toHaveProperty('master')
})

it('changes the quality and lets the other one go', async () => {
  await keep()
  await want(null)
  await keep(null)
  expect(await isWhole(['thumb', 'original'])).toBe(true)
  const segment = await objectId(contentKey, `${SET}/360p/00001.m4s`)
  expect(await codeOf(() => readKeptRange(mediaId, segment, 0, 10))).toBe('object/not-found')
})

type Parts = Parameters<KeepItemPorts['fetchAhead']>[0]

describe('what the browser fetched in the background', () => {
  /** As the Service Worker writes it down. */
  const bring =
    (
      change: (sealed: Bytes) => Bytes,
      { missing = 0, isAborted = false, meanwhile = async (): Promise<unknown> => undefined } = {},
    ) =>
    async (parts: Parts) => {
      const fetched = parts.map(({ objectId, from, to }, index) => {
        const sealed = change((store.get(objectId) as Bytes).slice())
        const headers = to === null ? {} : { range: `bytes=${from}-${to - 1}` }
        const part = sealed.slice(from, to ?? undefined)
        const range = `bytes ${from}-${from + part.length - 1}/${sealed.length}`
        const response = new Response(part, {
          status: to === null ? 200 : 206,
          headers: to === null ? {} : { 'content-range': range },
        })
        const request = new Request(`https://kith.test/api/media/${mediaId}/objects/${objectId}`, { headers })
        const isMissing = index >= parts.length - missing
        return {
          request,
          get responseReady() {
            if (isMissing) return Promise.reject(new Error('cut off'))
            return index === 1 ? meanwhile().then(() => response) : Promise.resolve(response)
          },
        }
      })
      await keepFetched({ id: `keep/${mediaId}/`, matchAll: async () => fetched }, isAborted)
    }

  it('is opened and counts as kept, without asking again', async () => {
    await want(null)
    fetchAhead = bring((sealed) => sealed)
    await keep(null)
    expect(await isWhole(['thumb', 'original'])).toBe(true)
    expect(requests).toEqual([])
  })

  it('asks for nothing that is here, and for the segments of a film whole', async () => {
    let asked: Parameters<typeof fetchAhead>[0] = []
    fetchAhead = async (parts) => {
      asked = parts
    }
    await keep()
    expect(asked.every(({ from, to }) => from === 0 && to === null)).toBe(true)
    // Playlists were read before.
    expect(asked).toHaveLength(HLS.length - 2)
    await changeKept(mediaId, (row) => row && { ...row, state: 'waiting', objects: [] })
    await keep()
    expect(asked).toEqual([])
  })

  it('a lie in it is found out, and the page fetches the truth', async () => {
    await want(null)
    fetchAhead = bring((sealed) => sealed.map((byte, at) => (at === 700 ? byte ^ 1 : byte)))
    await keep(null)
    expect(await isWhole(['thumb', 'original'])).toBe(true)
  })

  it('counts as far as it came when the network failed, and the page fetches the rest', async () => {
    await want(null)
    fetchAhead = bring((sealed) => sealed, { missing: 2 })
    await keep(null)
    expect(await isWhole(['thumb', 'original'])).toBe(true)
    expect(requests).toHaveLength(2)
  })

  it.each([1, 2, 3, 4])('killed at step %i of writing it down, the page goes on from what is there', async (at) => {
    await want(null)
    fetchAhead = async (parts) => {
      steps = 0
      dieAt = at
      await bring((sealed) => sealed)(parts).catch(() => undefined)
      dieAt = 0
    }
    await keep(null)
    expect(await isWhole(['thumb', 'original'])).toBe(true)
    // Each piece takes a step before it is written, and one after.
    expect(requests).toHaveLength(4 - Math.floor(at / 2))
  })

  it('leaves nothing half kept where there was no room, or it was taken off, while it was written down', async () => {
    for (const end of [
      () => changeKept(mediaId, (row) => row && { ...row, state: 'no-room' }),
      () => removeKept(mediaId),
    ]) {
      await want(null)
      const channel = new BroadcastChannel(KEPT_CHANNEL)
      const heard = new Promise((resolve) => {
        channel.onmessage = resolve
      })
      let before = 0
      const meanwhile = () => {
        before = memory.usedBytes
        return end()
      }
      fetchAhead = async (parts) => {
        await bring((sealed) => sealed, { meanwhile })(parts)
        throw new Died('no page was open')
      }
      await expect(keep(null)).rejects.toThrow()
      await heard
      channel.close()
      expect(before).toBeGreaterThan(0)
      expect(await itemsWithPieces()).toEqual([])
    }
  })

  it('is paused where the person cancelled it, and what came stays', async () => {
    await want(null)
    fetchAhead = async (parts) => {
      await bring((sealed) => sealed, { missing: 1, isAborted: true })(parts)
      throw new Died('no page was open')
    }
    await expect(keep(null)).rejects.toThrow()
    expect((await readKept(mediaId))?.state).toBe('paused')
    expect(memory.usedBytes).toBeGreaterThan(PIECE_BYTES)
    fetchAhead = async () => undefined
    await want(null)
    await keep(null)
    expect(await isWhole(['thumb', 'original'])).toBe(true)
    expect(requests).toHaveLength(1)
  })

  it('cancelled by a page that wants another quality now, does not pause that', async () => {
    await want(360)
    await bring((sealed) => sealed, { isAborted: true })([])
    expect((await readKept(mediaId))?.state).toBe('waiting')
  })

  it('comes to nothing where the item was taken off meanwhile', async () => {
    await want(null)
    fetchAhead = async (parts) => {
      await removeKept(mediaId)
      await bring((sealed) => sealed)(parts)
      expect(memory.usedBytes).toBe(0)
    }
    await keep(null)
    expect(await readKept(mediaId)).toBeNull()
  })
})

describe('a server that lies', () => {
  const victim = `${SET}/360p/00003.m4s`

  it('a segment that was changed is found out now, not on a plane', async () => {
    const sealed = store.get(await objectId(contentKey, victim)) as Bytes
    sealed[500] = (sealed[500] ?? 0) ^ 1
    expect(await codeOf(() => keep())).toBe('object/tampered')
    expect((await readKept(mediaId))?.state).toBe('waiting')
  })

  it('a segment that was swapped with its sibling', async () => {
    const other = store.get(await objectId(contentKey, `${SET}/360p/00004.m4s`)) as Bytes
    store.set(await objectId(contentKey, victim), other)
    expect(await codeOf(() => keep())).toBe('object/wrong-key')
  })

  it('a segment that was cut off', async () => {
    const id = await objectId(contentKey, victim)
    store.set(id, (store.get(id) as Bytes).slice(0, -20))
    expect(await codeOf(() => keep())).toBe('object/wrong-size')
  })

  it('a segment that is gone', async () => {
    store.delete(await objectId(contentKey, victim))
    expect(await codeOf(() => keep())).toBe('object/not-found')
  })

  it('an answer that is longer than what was asked for', async () => {
    vi.stubGlobal('fetch', async () =>
      Promise.resolve(
        new Response(new Uint8Array(9), {
          status: 206,
          headers: { 'content-range': 'bytes 0-3/4', 'content-length': '9' },
        }),
      ),
    )
    expect(await codeOf(() => keep())).toBe('server/bad-answer')
  })
})

it('a disk that lies is repaired from the server', async () => {
  await keep()
  const victim = await objectId(contentKey, `${SET}/360p/00002.m4s`)
  const cache = await memory.open(`kith/kept/${mediaId}`)
  const length = store.get(victim)?.length ?? 0
  const headers = { 'x-total-bytes': String(length) }
  await cache.put(`/kept/${victim}/0`, new Response(randomBytes(length), { headers }))
  await changeKept(mediaId, (row) => row && { ...row, state: 'waiting', objects: [] })
  await keep()
  expect(await isWhole(HLS)).toBe(true)
})

it('a full disk in mid-download is told by its name', async () => {
  memory.roomBytes = 100_000
  await expect(keep()).rejects.toThrow(expect.objectContaining({ name: 'QuotaExceededError' }))
})
