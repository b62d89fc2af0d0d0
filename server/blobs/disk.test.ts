import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { describeBlobStore } from '../testing/describe-blob-store.ts'
import { createDiskBlobStore } from './disk.ts'

describeBlobStore('disk', createDiskBlobStore)

it('leaves nothing and says so when the disk is full', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kith-full-'))
  try {
    const store = createDiskBlobStore(folder)
    const full = async function* () {
      yield new Uint8Array(1000)
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    }
    await expect(store.stage(full(), { maxBytes: 10_000 })).rejects.toMatchObject({ code: 'storage/full' })
    expect(await readdir(join(folder, 'staging'))).toEqual([])
  } finally {
    await rm(folder, { recursive: true })
  }
})
