import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newGroupId, newKey, newMediaId, randomBytes } from '../../../shared/crypto/random.ts'
import { sealObject } from '../../../shared/crypto/seal-object.ts'
import { eraseDevice, openDevice, type UploadRow } from '../../../shared/device/db.ts'
import { createKey } from '../../../shared/device/device-key.ts'
import { AppError } from '../../../shared/errors.ts'
import { type Bytes, concat, equalBytes } from '../../../shared/format/bytes.ts'
import type { MediaId } from '../../../shared/format/ids.ts'
import { ORIGINAL } from '../../../shared/format/object-name.ts'
import type { UploadProgress } from '../messages.ts'
import { keepUploadsKey, openUpload, readUpload, sealUpload, type UploadSecret } from '../record.ts'
import { Engine } from './engine.ts'
import type { sendByTus } from './send.ts'
import type { Spool } from './spool.ts'

/** Above what goes in one request: five pieces of 8 MiB. */
const SIZE = 33 * 2 ** 20
const PIECE = 8 * 2 ** 20
const REQUEST = 16 * 2 ** 20

/** What the server has of each upload; `isDown` cuts the line after so many requests; `lie` is added to an offset. */
const server = { uploads: new Map<string, Bytes>(), requestsLeft: Number.POSITIVE_INFINITY, lie: 0 }

vi.mock('./send.ts', () => ({
  putObject: async () => undefined,
  sendByTus: (async (_media, _object, totalBytes, read, uploadUrl, ports) => {
    const url = uploadUrl ?? `/api/uploads/${server.uploads.size}`
    let bytes = server.uploads.get(url) ?? new Uint8Array()
    server.uploads.set(url, bytes)
    ports.onUploadUrl(url)
    while (bytes.length < totalBytes) {
      if (server.requestsLeft-- <= 0) throw new AppError('server/unreachable')
      const start = bytes.length + server.lie
      const sent = await read(start, Math.min(totalBytes, start + REQUEST))
      bytes = concat(bytes, new Uint8Array(await sent.arrayBuffer()))
      server.uploads.set(url, bytes)
      ports.onAcknowledged(bytes.length)
    }
  }) satisfies typeof sendByTus,
}))

function memorySpool(): Spool {
  const lying = new Map<number, Bytes>()
  return {
    write: async (_media, index, sealed) => void lying.set(index, sealed),
    read: async (_media, index) => {
      const bytes = lying.get(index)
      return bytes ? new Blob([bytes]) : null
    },
    pieces: async () => [...lying.keys()],
    remove: async (_media, index) => void lying.delete(index),
    clear: async () => lying.clear(),
    list: async () => [],
  }
}

let mediaId: MediaId
let secret: UploadSecret
const first = new Uint8Array(SIZE).map((_, index) => index >> 12)
/** The same in its first piece, and another film after it. */
const other = first.map((byte, index) => (index < PIECE ? byte : byte ^ 1))

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  // What comes after the original is not looked at here.
  vi.stubGlobal('fetch', async () => Promise.reject(new TypeError('no network')))
  Object.assign(server, { uploads: new Map(), requestsLeft: Number.POSITIVE_INFINITY, lie: 0 })
  await eraseDevice()
  await createKey('device')
  await keepUploadsKey(newKey())
  mediaId = newMediaId()
  const groupId = newGroupId()
  const card = { revision: 1, sealed: randomBytes(300) }
  const media = { mediaId, groupId, epoch: 1, wrappedContent: randomBytes(60), wrappedCard: randomBytes(60), card }
  const keys = { contentKey: newKey(), cardKey: newKey(), salt: randomBytes(16) }
  secret = { ...keys, fileName: 'film.mp4', sizeBytes: SIZE, media }
  const row: UploadRow = {
    ...{ mediaId, groupId, createdAt: 1, sealed: await sealUpload(mediaId, secret), step: 'original' },
    ...{ sealedPieces: 0, isSpooled: false, sentBytes: 0, uploadUrl: null, problem: null },
  }
  await (await openDevice()).put('uploads', row, mediaId)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** A program that was just started, with the file picked; resolves when it stops. */
function run(file: Bytes): Promise<UploadProgress> {
  return new Promise((resolve) => {
    const engine = new Engine(memorySpool(), (told) => {
      if (told.phase === 'stopped' || told.phase === 'needs-file') resolve(told)
    })
    engine.give(mediaId, new Blob([file]))
  })
}

/** The device's storage as it was when one piece was recorded, resp. none. */
async function forget(sealedPieces: number): Promise<void> {
  const db = await openDevice()
  const row = await readUpload(mediaId)
  await db.put('uploads', { ...(row as UploadRow), sealedPieces, sentBytes: 0, isSpooled: false }, mediaId)
  await db.delete('pieces', IDBKeyRange.bound([mediaId, sealedPieces], [mediaId, Number.MAX_SAFE_INTEGER]))
}

const saltOf = (sealed: Bytes) => sealed.subarray(24, 40)
/** Whether it is what sealing `plain` under its own salt gives. */
async function holds(sealed: Bytes, plain: Bytes): Promise<boolean> {
  const name = { contentKey: secret.contentKey, mediaId, name: ORIGINAL }
  const whole = await sealObject(name, plain, saltOf(sealed).slice())
  return equalBytes(sealed, whole.subarray(0, sealed.length))
}
const received = () => [...server.uploads.values()].filter(({ length }) => length > 0)

describe('an upload that was interrupted', () => {
  it('goes on where it was, under the same salt', async () => {
    server.requestsLeft = 1
    expect((await run(first)).code).toBe('server/unreachable')
    server.requestsLeft = 10
    await run(first)
    const [sealed, ...more] = received()
    expect(more).toEqual([])
    expect(await holds(sealed as Bytes, first)).toBe(true)
    expect(saltOf(sealed as Bytes)).toEqual((await openUpload((await readUpload(mediaId)) as UploadRow)).salt)
  })

  it('goes on by itself after a while, in the tab that stayed open', async () => {
    server.requestsLeft = 1
    const phases: string[] = []
    const stopped = Promise.withResolvers<void>()
    const over = Promise.withResolvers<void>()
    const engine = new Engine(memorySpool(), ({ phase, code }) => {
      phases.push(phase)
      if (code === 'server/unreachable') stopped.resolve()
      // All was sent: what comes after it meets no network.
      if (phases.filter((one) => one === 'stopped').length === 2) over.resolve()
    })
    engine.give(mediaId, new Blob([first]))
    await stopped.promise
    const [before] = received() as [Bytes]
    expect(before).toHaveLength(REQUEST)
    server.requestsLeft = 10
    await vi.advanceTimersByTimeAsync(5000)
    await over.promise
    const [sealed, ...more] = received() as [Bytes]
    expect(more).toEqual([])
    expect(equalBytes(sealed.subarray(0, REQUEST), before)).toBe(true)
    expect(await holds(sealed, first)).toBe(true)
    expect((await readUpload(mediaId))?.step).toBe('finish')
  })

  it.each([0, 1])('and whose record fell back to %i pieces: nothing is sealed twice under one salt', async (pieces) => {
    server.requestsLeft = 2
    expect((await run(first)).code).toBe('server/unreachable')
    await forget(pieces)
    server.requestsLeft = 10
    await run(other)
    const [before, after, ...more] = received() as [Bytes, Bytes]
    expect(more).toEqual([])
    expect(await holds(before, first)).toBe(true)
    expect(await holds(after, other)).toBe(true)
    expect(saltOf(after)).not.toEqual(saltOf(before))
    expect((await readUpload(mediaId))?.step).toBe('finish')
  })

  it('and of which an old profile knows not even where it was sent', async () => {
    await run(first)
    await forget(0)
    const row = (await readUpload(mediaId)) as UploadRow
    await (await openDevice()).put('uploads', { ...row, uploadUrl: null, step: 'original' }, mediaId)
    await run(other)
    const [before, after] = received() as [Bytes, Bytes]
    expect(await holds(after, other)).toBe(true)
    expect(saltOf(after)).not.toEqual(saltOf(before))
  })

  it('by a server that says to have what was never sent: an error with a name', async () => {
    server.lie = 2 * PIECE
    expect((await run(first)).code).toBe('server/bad-answer')
    expect(received()).toEqual([])
  })

  it('is recorded on the disk before anything of it is sent', async () => {
    const db = await openDevice()
    const transaction = vi.spyOn(db, 'transaction')
    await run(first)
    const recording = transaction.mock.calls.filter(([stores]) => String(stores) === 'uploads,pieces')
    expect(recording.length).toBeGreaterThan(5)
    for (const [, , options] of recording) expect(options).toEqual({ durability: 'strict' })
    transaction.mockRestore()
  })
})
