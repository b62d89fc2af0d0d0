import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { createApp } from '../app.ts'
import type { BlobStore } from '../blobs/blob-store.ts'
import { createDiskBlobStore } from '../blobs/disk.ts'
import { type Config, readConfig } from '../config.ts'
import { openDatabase } from '../db/open.ts'
import type { Clock, Deps } from '../deps.ts'
import { startGrantRelay } from '../grants/relay.ts'
import { startPush } from '../push/push.ts'
import { createEvents, type Notice } from '../realtime/events.ts'
import { attachSocket } from '../realtime/socket.ts'
import { openSecrets } from '../secrets.ts'
import { TestClient } from './test-client.ts'

/** A clock that stands still until it is turned. */
export class TestClock implements Clock {
  #nowMs = Date.parse('2026-01-02T03:04:05Z')
  now = () => this.#nowMs
  advance(ms: number): void {
    this.#nowMs += ms
  }
}

export interface TestServer {
  url: string
  deps: Deps
  clock: TestClock
  /** What was published, in order. */
  notices: Notice[]
  /** A browser of its own: it keeps its cookies and sends Origin and X-Kith. */
  client(): TestClient
  close(): Promise<void>
}
export interface TestServerOptions {
  config?: Partial<Config>
  blobs?: (deps: Pick<Deps, 'config'>) => BlobStore | Promise<BlobStore>
}

/** The real app on a port of its own, with a real database in a folder that `close` removes. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'kith-server-'))
  const base = { ...readConfig({ KITH_DATA: folder, KITH_LOG: 'silent' }), rateScale: 1000, ...options.config }
  for (const path of [base.folders.blobs, base.folders.uploads]) mkdirSync(path, { recursive: true })
  const db = await openDatabase(base.folders.database)
  const secrets = await openSecrets(base.folders.secrets)
  const http = createServer()
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const config = { ...base, origin: base.origin ?? url }
  const clock = new TestClock()
  const stopping = new AbortController()
  const events = createEvents()
  const notices: Notice[] = []
  events.listen((notice) => notices.push(notice))
  const deps: Deps = {
    config,
    db,
    blobs: (await options.blobs?.({ config })) ?? createDiskBlobStore(config.folders.blobs),
    clock,
    random: (length) => new Uint8Array(randomBytes(length)),
    events,
    logger: pino({ level: config.logLevel }),
    secrets,
    stopping: stopping.signal,
  }
  http.on('request', createApp(deps).callback())
  const socket = attachSocket(http, deps)
  const relay = startGrantRelay(deps)
  const push = startPush(deps, 0)
  return {
    url,
    deps,
    clock,
    notices,
    client: () => new TestClient(url),
    async close() {
      stopping.abort()
      socket.close()
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      await relay.stop()
      await push.stop()
      await db.destroy()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
