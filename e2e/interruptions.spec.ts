import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { layoutFor, sealedSize } from '../shared/format/layout.ts'
import { makeVideo } from './support/media.ts'
import { expect, test } from './support/test.ts'

test('an upload goes on after its tab was closed in the middle', async ({ world, arrive }) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const file = join(world.folder, 'large.bin')
  const handle = await open(file, 'w')
  for (let i = 0; i < 90; i++) await handle.write(Buffer.alloc(2 ** 20, i))
  await handle.close()

  const sent: string[] = []
  let hold = false
  const held = Promise.withResolvers<void>()
  world.relay.gate = async (method, path) => {
    if (method !== 'PATCH' || !path.startsWith('/api/uploads/')) return
    sent.push(path)
    if (sent.length < 2) return
    // The second piece hangs, as on a bad network.
    hold = true
    held.resolve()
    await new Promise(() => undefined)
  }
  await ada.upload(file)
  await held.promise
  expect(hold).toBe(true)
  await ada.page.evaluate(waitUntilSpooled)
  await ada.page.close()
  world.relay.gate = undefined
  world.relay.cut()

  const page = await ada.newPage()
  await page.goto(world.origin)
  await expect(page.getByRole('link', { name: 'large' })).toBeVisible()
  await expect(page.getByRole('link', { name: 'large Uploading' })).toHaveCount(0, { timeout: 60_000 })
  await ada.open('large')
  const downloading = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download' }).last().click()
  expect(await hashOf(await (await downloading).path())).toBe(await hashOf(file))
})

test('an upload whose tab stays open loses the network in the middle of a request, and goes on when it is back', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const file = join(world.folder, 'large.bin')
  const handle = await open(file, 'w')
  for (let i = 0; i < 40; i++) await handle.write(Buffer.alloc(2 ** 20, i))
  await handle.close()

  const { relay } = world
  relay.recording = false
  /** Each request of the upload: from where it sends, and how much went. */
  const sent: { offset: number; bytes: number }[] = []
  const isPiece = (method: string, path: string) => method === 'PATCH' && path.startsWith('/api/uploads/')
  relay.gate = async (method, path, headers) => {
    if (isPiece(method, path)) sent.push({ offset: Number(headers['upload-offset']), bytes: 0 })
  }
  const lost = Promise.withResolvers<void>()
  relay.onSent = (method, path, bytes) => {
    const now = sent.at(-1)
    if (!isPiece(method, path) || !now) return
    now.bytes += bytes
    if (sent.length === 2 && now.bytes > 4 * 2 ** 20) relay.lose().then(lost.resolve)
  }
  await ada.upload(file)
  await lost.promise
  expect(sent).toHaveLength(2)
  relay.restore()

  await expect(ada.page.getByRole('link', { name: 'large Uploading' })).toHaveCount(0)
  await ada.open('large')
  const [first, cut, next, ...more] = sent
  if (!first || !cut || !next) throw new Error('nothing more was sent')
  // What the server has said to have never goes again, and of what was under way no more than did not arrive.
  expect(cut.offset).toBe(first.bytes)
  expect(next.offset).toBeGreaterThanOrEqual(cut.offset)
  expect(next.offset).toBeLessThanOrEqual(cut.offset + cut.bytes)
  let end = next.offset
  for (const { offset, bytes } of [next, ...more]) {
    expect(offset).toBe(end)
    end += bytes
  }
  expect(end).toBe(sealedSize(layoutFor(40 * 2 ** 20)))
  const downloading = ada.page.waitForEvent('download')
  await ada.page.getByRole('link', { name: 'Download' }).last().click()
  expect(await hashOf(await (await downloading).path())).toBe(await hashOf(file))
})

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/** In the page: resolves when every piece of the only upload lies sealed on the device. */
function waitUntilSpooled(): Promise<void> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('kith')
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const look = () => {
        const rows = opening.result.transaction('uploads').objectStore('uploads').getAll()
        rows.onsuccess = () => {
          const [row] = rows.result as { isSpooled: boolean }[]
          if (row?.isSpooled) {
            opening.result.close()
            resolve()
          } else requestAnimationFrame(look)
        }
      }
      look()
    }
  })
}

test('a video plays on when the Service Worker is stopped, the page reloaded hard, and Kith locked and unlocked', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  await ada.enrolWorker()
  const video = join(world.folder, 'sea.mp4')
  await makeVideo(video, { seconds: 40, width: 640, height: 360 })
  await ada.upload(video)
  await ada.finished('sea')
  await ada.open('sea')
  await ada.plays()

  const devtools = await ada.context.newCDPSession(ada.page)
  await devtools.send('ServiceWorker.enable')
  await devtools.send('ServiceWorker.stopAllWorkers')
  await ada.seek(30)
  await ada.plays(30)

  await devtools.send('Page.reload', { ignoreCache: true })
  await expect(ada.page.getByRole('heading', { name: 'sea' })).toBeVisible()
  await ada.plays()
  const mediaId = new URL(ada.page.url()).pathname.split('/').at(-1) ?? ''

  const second = await ada.newPage()
  await second.goto(ada.world.origin)
  await ada.go('Settings')
  expect(await second.evaluate(answerFor, mediaId)).toMatchObject({ status: 200 })
  await second.getByRole('button', { name: 'Lock now' }).click()
  await expect(second.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()
  expect(await second.evaluate(answerFor, mediaId)).toEqual({ status: 503, problem: 'vault/locked' })
  await ada.unlock()
  await ada.open('sea')
  await ada.plays()
})

/** In the page: what the Service Worker answers for the item's original. */
async function answerFor(mediaId: string): Promise<{ status: number; problem?: unknown }> {
  const answer = await fetch(`/media/${mediaId}/original`)
  if (answer.ok) {
    await answer.body?.cancel()
    return { status: answer.status }
  }
  return { status: answer.status, problem: (await answer.json()).code }
}

test('server and worker killed in the middle of a job lose nothing that was acknowledged', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  await ada.enrolWorker()
  const video = join(world.folder, 'sea.mp4')
  await makeVideo(video, { seconds: 20 })
  await ada.upload(video)
  await ada.go('Activity')
  await expect(ada.page.locator('li[data-state=running]')).toBeVisible({ timeout: 60_000 })
  await world.server.stop('SIGKILL')
  await world.worker?.stop('SIGKILL')
  await world.startServer()
  await world.startWorker()
  await ada.finished('sea')
  await ada.open('sea')
  await ada.plays()
})

test('a job waits for room, says so, can be cancelled and taken up again, and starts by itself when there is some', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  await ada.enrolWorker()
  await world.worker?.stop()
  // The disk is the one thing that a test can fill and empty again.
  const ballast = join(world.folder, 'ballast')
  const { bavail, bsize } = await statfs(world.folder)
  const free = bavail * bsize
  // Half of it is what other programs may write or delete meanwhile.
  const ballastBytes = Math.min(1e9, Math.floor(free / 3))
  execFileSync('fallocate', ['--posix', '--length', String(ballastBytes), ballast])
  await world.startWorker({ KITH_WORKER_MIN_DISK_MB: String((free - ballastBytes / 2) / 1e6) })
  const video = join(world.folder, 'sea.mp4')
  await makeVideo(video, { seconds: 2, width: 320, height: 240 })
  await ada.upload(video)
  await ada.go('Activity')
  const waiting = ada.page.getByText(/Waiting for disk space, about/)
  await expect(waiting).toBeVisible()
  await ada.page.getByRole('button', { name: 'Cancel converting sea' }).click()
  await expect(ada.page.locator('li[data-state=cancelled]')).toContainText('sea')
  await ada.page.getByRole('button', { name: 'Convert sea again' }).click()
  await expect(waiting).toBeVisible()
  await rm(ballast)
  await ada.finished('sea')
})
