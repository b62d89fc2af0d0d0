import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { hkdf } from '../shared/crypto/hkdf.ts'
import { toBase64Url } from '../shared/format/base64url.ts'
import type { Bytes } from '../shared/format/bytes.ts'

const AGAIN_MS = 250

/**
 * Whether this process is the only worker of its identity on this machine: two would write over each other's pins. The
 * kernel holds an abstract socket (unix(7)), and lets go of it however the process ends; nothing is written to the disk.
 * Its name is derived from the secret seed, so that other users of the machine cannot take it first. Systems other than
 * Linux have no such sockets: there everybody is alone.
 * @param patienceMs how long another one may take to end
 */
export async function isAlone(seed: Bytes, patienceMs: number): Promise<boolean> {
  if (process.platform !== 'linux') return true
  const name = toBase64Url(await hkdf(seed, '', 'kith/v1/worker-alone', 16))
  const deadline = performance.now() + patienceMs
  for (;;) {
    if (await holds(`\0kith/worker/${name}`)) return true
    if (performance.now() >= deadline) return false
    await sleep(AGAIN_MS)
  }
}

async function holds(path: string): Promise<boolean> {
  const server = createServer((socket) => socket.destroy()).listen(path)
  server.unref()
  try {
    await once(server, 'listening')
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
}
