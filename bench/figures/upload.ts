import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'
import * as z from 'zod/mini'
import { newGroupId, newMediaId, newUserId, randomBytes } from '../../shared/crypto/random.ts'
import { finishMedia } from '../../shared/wire/media.ts'
import { send, withBrowser } from '../browser.ts'
import { type Bench, figure, inTurn } from '../figure.ts'
import { forgetPeak, memoryOf } from '../memory.ts'

const SIZE_MIB = 512
const ROUNDS = 3
const LOOK_MS = 20

/** 512 MiB by the upload engine (read, seal, spool, send), and the same file in plain by the same tus client, to the same server. */
export const bench: Bench = {
  name: 'upload',
  async run(log) {
    const folder = mkdtempSync(join(tmpdir(), 'kith-bench-'))
    const tus = new Server({
      path: '/api/uploads',
      datastore: new FileStore({ directory: join(folder, 'tus') }),
      relativeLocation: true,
    })
    try {
      const path = join(folder, 'file.bin')
      const file = await open(path, 'w')
      for (let i = 0; i < SIZE_MIB; i++) await file.write(randomBytes(65_536).subarray(0), 0, 65_536, i * 2 ** 20)
      await file.truncate(SIZE_MIB * 2 ** 20)
      await file.close()
      const record = finished()
      const answer: Parameters<typeof withBrowser>[1] = async (request, response, asked) => {
        if (asked.startsWith('/api/uploads')) await tus.handle(request, response)
        else if (asked.endsWith('/ready')) send(response, 'application/json', record)
        else if (asked.startsWith('/api/')) response.writeHead(404).end()
        else return false
        return true
      }
      return await withBrowser(['page', 'upload'], answer, async (tab) => {
        await tab.setInputFiles('input', path)
        const upload = (kind: 'sealed' | 'plain') =>
          tab.evaluate(
            (wanted) =>
              new Promise<number>((resolve, reject) => {
                const worker = new Worker('/upload.js')
                worker.onmessage = ({ data }) => {
                  worker.terminate()
                  resolve(data)
                }
                worker.onerror = (event) => reject(new Error(event.message))
                worker.postMessage({ kind: wanted, file: document.querySelector('input')?.files?.[0] })
              }),
            kind,
          )
        // First, while nothing of the plain uploads is left in the same process.
        const grown = await growth(tab, () => upload('sealed'))
        const times = await inTurn(
          ROUNDS,
          () => upload('sealed'),
          () => upload('plain'),
        )
        log(`${times.ours.toFixed(1)} s sealed, ${times.peer.toFixed(1)} s in plain`)
        const speeds = {
          ours: SIZE_MIB / times.ours,
          peer: SIZE_MIB / times.peer,
          peerName: 'the same bytes in plain by tus',
        }
        return [
          figure('seal and send 512 MiB', 'MiB/s', speeds, { atLeast: 0.7 }),
          figure('page heap growth while sealing and sending', 'MiB', { ours: grown.heapMib }, { atMost: 64 }),
          // For comparison: its Web Worker, buffers on their way and garbage are in it, and the browser decides when that goes.
          figure('all memory of the tab meanwhile, most above idle', 'MiB', { ours: grown.processMib }),
        ]
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

/** How much more than before the page's heap, and the tab's process, hold at most while something runs. */
async function growth(tab: Page, run: () => Promise<unknown>): Promise<{ heapMib: number; processMib: number }> {
  const devtools = await tab.context().newCDPSession(tab)
  await devtools.send('HeapProfiler.collectGarbage')
  const browser = await tab.context().browser()?.newBrowserCDPSession()
  const processes = (await browser?.send('SystemInfo.getProcessInfo'))?.processInfo ?? []
  // Besides the tab's own there may be a spare one, which stays as it is.
  const renderers = processes.filter(({ type }) => type === 'renderer').map(({ id }) => id)
  if (renderers.length === 0) throw new Error('no process of a tab')
  await Promise.all(renderers.map(forgetPeak))
  const before = await Promise.all(renderers.map(memoryOf))
  const heapMib = async () => {
    const { usedSize, backingStorageSize } = await devtools.send('Runtime.getHeapUsage')
    return (usedSize + backingStorageSize) / 2 ** 20
  }
  const idleMib = await heapMib()
  let mostMib = idleMib
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      mostMib = Math.max(mostMib, await heapMib())
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  })()
  await run()
  isOver = true
  await watching
  const after = await Promise.all(renderers.map(memoryOf))
  const processMib = after.reduce((sum, { peakMib }, i) => sum + peakMib - (before[i]?.nowMib ?? 0), 0)
  return { heapMib: mostMib - idleMib, processMib }
}

/** What the server says when an item is complete; only its form matters here. */
function finished(): string {
  return JSON.stringify(
    z.encode(finishMedia.reply, {
      mediaId: newMediaId(),
      groupId: newGroupId(),
      authorId: newUserId(),
      epoch: 1,
      wrappedContent: randomBytes(60),
      wrappedCard: randomBytes(60),
      card: { revision: 1, sealed: randomBytes(100) },
      state: 'ready',
      workerDocument: null,
      job: null,
      createdAt: 1,
      changeSeq: 1,
    }),
  )
}
