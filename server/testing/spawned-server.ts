import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../deps.ts'
import { openSecrets } from '../secrets.ts'
import { TestClient } from './test-client.ts'
import type { TestServer } from './test-server.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

/** For a server of a test's own: no setting of whoever runs the tests, and code that is compiled already. */
export function spawnEnv(folder: string): Record<string, string> {
  const { PATH = '', NODE_COMPILE_CACHE } = process.env
  return {
    PATH,
    ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }),
    KITH_DATA: folder,
    KITH_PORT: '0',
    KITH_RATE_SCALE: '1000',
  }
}

/** The server as people run it, in a process that can be killed and started again on the same folder. */
export class SpawnedServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'kith-spawned-'))
  /** All that it wrote, over all starts. */
  output = ''
  url = ''
  #env: Record<string, string>
  #running: ChildProcess | null = null

  constructor(env: Record<string, string> = {}) {
    this.#env = env
  }

  async start(): Promise<void> {
    const env = { ...spawnEnv(this.folder), ...this.#env }
    const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#running = child
    let text = ''
    this.url = await new Promise((resolve, reject) => {
      child.once('exit', () => reject(new Error(`the server did not start: ${this.output}`)))
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (part) => {
          text += part
          this.output += part
          const found = /^Kith listens on (\S+)/m.exec(text)?.[1]
          if (found) resolve(found)
        })
      }
    })
  }

  /** `kill -9` unless another signal is asked for. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#running
    this.#running = null
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('close', resolve))
    child.kill(signal)
    await gone
  }

  /** What somebody with the same cookies or token sees after a start. */
  again(client: TestClient): TestClient {
    const next = new TestClient(this.url)
    for (const [name, value] of client.cookies) next.cookies.set(name, value)
    next.bearer = client.bearer
    return next
  }

  /** As much of a `TestServer` as people and workers of tests need to come in. */
  async door(): Promise<TestServer> {
    const secrets = await openSecrets(join(this.folder, 'secrets'))
    return { clock: systemClock, client: () => new TestClient(this.url), deps: { secrets } } as unknown as TestServer
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
