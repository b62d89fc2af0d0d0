import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseMediaId, parseObjectId } from '../../shared/format/ids.ts'
import type { BlobKey, BlobStore } from '../blobs/blob-store.ts'
import { randomId } from './seed.ts'

/** What every adapter promises. `open` gets a new folder of its own each time. */
export function describeBlobStore(name: string, open: (folder: string) => BlobStore): void {
  describe(`blobs: ${name}`, () => {
    let folder: string
    let store: BlobStore
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'kith-blobs-'))
      store = open(join(folder, 'blobs'))
      await store.checkWritable()
    })
    afterEach(() => rm(folder, { recursive: true }))

    const newKey = (mediaId = parseMediaId(randomId())): BlobKey => ({ mediaId, objectId: parseObjectId(randomId()) })
    const stage = (text: string, maxBytes = 1000) => store.stage(parts(text), { maxBytes })
    async function put(key: BlobKey, text: string) {
      await store.commit(await stage(text), key)
    }
    async function read(key: BlobKey, range?: { start: number; end: number }) {
      const source = await store.open(key, range)
      return source && Buffer.concat(await Array.fromAsync(source as AsyncIterable<Uint8Array>)).toString()
    }
    const keys = async () => (await Array.fromAsync(store.list())).map(({ key }) => key)

    it.each(['', 'x', 'a text of some length'])('gives back "%s"', async (text) => {
      const key = newKey()
      await put(key, text)
      expect(await read(key)).toBe(text)
      expect(await store.head(key)).toMatchObject({ sizeBytes: text.length })
    })

    it('says size and hash before there is a name', async () => {
      const staged = await stage('abc')
      expect(staged.sizeBytes).toBe(3)
      // FIPS 180-2, appendix B.1.
      expect(Buffer.from(staged.sha256).toString('hex')).toBe(
        'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      )
      expect(await keys()).toEqual([])
    })

    it.each([
      [0, 1, '0'],
      [3, 7, '3456'],
      [9, 10, '9'],
    ])('gives bytes from %i to %i', async (start, end, text) => {
      const key = newKey()
      await put(key, '0123456789')
      expect(await read(key, { start, end })).toBe(text)
    })

    it('takes exactly as much as it may, and leaves nothing of more', async () => {
      await stage('12345', 5).then(store.discard)
      await expect(stage('123456', 5)).rejects.toMatchObject({ code: 'request/too-large' })
      expect(await store.sweepStaged(Number.POSITIVE_INFINITY)).toBe(0)
    })

    it('leaves nothing of a source that breaks', async () => {
      const broken = async function* () {
        yield new Uint8Array(10)
        throw new Error('cut off')
      }
      await expect(store.stage(broken(), { maxBytes: 100 })).rejects.toThrow('cut off')
      expect(await store.sweepStaged(Number.POSITIVE_INFINITY)).toBe(0)
      expect(await keys()).toEqual([])
    })

    it('forgets what was discarded or never named, and only that', async () => {
      const key = newKey()
      await put(key, 'stays')
      await store.discard(await stage('goes'))
      await stage('forgotten')
      expect(await store.sweepStaged(0)).toBe(0)
      expect(await store.sweepStaged(Number.POSITIVE_INFINITY)).toBe(1)
      expect(await read(key)).toBe('stays')
    })

    it('may discard what was committed, twice and for nothing', async () => {
      const [key, staged] = [newKey(), await stage('stays')]
      await store.commit(staged, key)
      await store.discard(staged)
      await store.discard(staged)
      expect(await read(key)).toBe('stays')
    })

    it('replaces at once', async () => {
      const key = newKey()
      await put(key, 'old')
      await put(key, 'new')
      expect(await read(key)).toBe('new')
      expect(await keys()).toEqual([key])
    })

    it('takes over a file and lets it be', async () => {
      const [key, path] = [newKey(), join(folder, 'upload')]
      await writeFile(path, 'uploaded')
      const staged = await store.adopt(path)
      expect(staged.sizeBytes).toBe(8)
      await store.commit(staged, key)
      await rm(path)
      expect(await read(key)).toBe('uploaded')
      expect(await store.sweepStaged(Number.POSITIVE_INFINITY)).toBe(0)
    })

    it('takes over a file twice: a crash came after the first time', async () => {
      const [key, path] = [newKey(), join(folder, 'upload')]
      await writeFile(path, 'uploaded')
      for (let i = 0; i < 2; i++) await store.commit(await store.adopt(path), key)
      expect(await read(key)).toBe('uploaded')
      expect(await store.sweepStaged(Number.POSITIVE_INFINITY)).toBe(0)
    })

    it('deletes, also what is not there', async () => {
      const [key, sibling] = [newKey(), newKey()]
      await put(key, 'goes')
      await put(sibling, 'stays')
      await store.delete(key)
      await store.delete(key)
      expect(await store.head(key)).toBeNull()
      expect(await store.open(key)).toBeNull()
      expect(await keys()).toEqual([sibling])
    })

    it('lists everything, with its size and its age', async () => {
      const mediaId = parseMediaId(randomId())
      const all = [newKey(mediaId), newKey(mediaId), newKey()]
      for (const key of all) await put(key, 'four')
      const listed = await Array.fromAsync(store.list())
      expect(new Set(listed.map(({ key }) => key.objectId))).toEqual(new Set(all.map(({ objectId }) => objectId)))
      for (const { sizeBytes, storedAtMs } of listed) {
        expect(sizeBytes).toBe(4)
        expect(Math.abs(storedAtMs - Date.now())).toBeLessThan(60_000)
      }
    })

    it('keeps its head while many write and delete in one item', async () => {
      const mediaId = parseMediaId(randomId())
      const all = Array.from({ length: 30 }, () => newKey(mediaId))
      await Promise.all(
        all.map(async (key, i) => {
          await put(key, String(i))
          if (i % 2) await store.delete(key)
        }),
      )
      expect(await keys()).toHaveLength(15)
    })
  })
}

async function* parts(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += 4) yield bytes.subarray(at, at + 4)
}
