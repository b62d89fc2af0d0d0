import { once } from 'node:events'
import { open, rm } from 'node:fs/promises'
import { createConnection, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const FILE = 'worker.sock'
const AGAIN_MS = 250
const ANSWER_MS = 2000
/** sun_path of macOS; Linux has a way around (`at`). */
const PATH_MAX_BYTES = 100

export type FolderHold = { readonly release: () => Promise<void> } | { readonly heldFor: string }

/**
 * Takes a worker's folder for this process: two would write over each other's pins. A socket in the folder says so, which
 * nobody listens on any more once the process has ended, however it did; whoever asks is told for which server it works.
 * @param patienceMs how long another one may take to end
 * @returns `heldFor`: the server of the worker that has the folder; empty where it does not say.
 */
export async function holdFolder(folder: string, server: string, patienceMs: number): Promise<FolderHold> {
  const place = await at(folder)
  const deadline = performance.now() + patienceMs
  try {
    for (;;) {
      const listening = await listen(place.path, server)
      if (listening) {
        return { release: () => new Promise((resolve) => listening.close(() => void place.close().then(resolve))) }
      }
      const heldFor = await ask(place.path)
      // Nobody listens: it is what a process that was killed has left.
      if (heldFor === null) await rm(place.path, { force: true })
      else if (performance.now() >= deadline) {
        await place.close()
        return { heldFor }
      } else await sleep(AGAIN_MS)
    }
  } catch {
    // A file system that knows no sockets: there nobody can be asked.
    await place.close()
    return { release: async () => undefined }
  }
}

/** A path for the socket that is short enough, however long the folder's is (unix(7): 107 bytes). */
async function at(folder: string): Promise<{ path: string; close: () => Promise<void> }> {
  const path = join(folder, FILE)
  if (process.platform !== 'linux' || Buffer.byteLength(path) <= PATH_MAX_BYTES) {
    return { path, close: async () => undefined }
  }
  const handle = await open(folder)
  return { path: `/proc/self/fd/${handle.fd}/${FILE}`, close: () => handle.close() }
}

/** `null`: there is a socket already. */
async function listen(path: string, server: string): Promise<Server | null> {
  const listening = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end(server)
  })
  listening.listen(path)
  listening.unref()
  try {
    await once(listening, 'listening')
    return listening
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null
    throw error
  }
}

/** What the other one says; `null` where nobody listens. */
async function ask(path: string): Promise<string | null> {
  const socket = createConnection(path)
  socket.setTimeout(ANSWER_MS, () => socket.destroy())
  let said = ''
  try {
    for await (const part of socket.setEncoding('utf8')) said += part
    return said
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ECONNREFUSED' || code === 'ENOENT' ? null : said
  }
}
