import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Program } from './processes.ts'
import { Relay } from './relay.ts'

/** A whole Kith of its own: server and worker as real processes, and the relay between the server and all others. */
export class World {
  readonly folder: string
  readonly relay: Relay
  readonly #port: number
  readonly #isDirect: boolean
  readonly #running = new Set<Program>()
  server!: Program
  worker: Program | undefined

  private constructor(folder: string, relay: Relay, port: number, isDirect: boolean) {
    this.#isDirect = isDirect
    this.folder = folder
    this.relay = relay
    this.#port = port
  }

  /** @param options `isDirect`: nothing goes by the relay, for measuring: it undoes compression. */
  static async open(options: { worker?: boolean; isDirect?: boolean } = {}): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'kith-e2e-'))
    await mkdir(join(folder, 'logs'))
    const relay = await Relay.open()
    const world = new World(folder, relay, await freePort(), options.isDirect === true)
    relay.passTo(world.#port)
    await world.startServer()
    if (options.worker !== false) await world.startWorker()
    return world
  }

  get origin(): string {
    return this.#isDirect ? `http://localhost:${this.#port}` : this.relay.origin
  }

  get dataFolder(): string {
    return join(this.folder, 'data')
  }

  async startServer(): Promise<void> {
    this.server = this.#start('server', 'server/main.ts', {
      KITH_DATA: this.dataFolder,
      KITH_PORT: String(this.#port),
      KITH_ORIGIN: this.origin,
      KITH_RATE_SCALE: '1000',
      KITH_LEASE_SECONDS: '5',
      KITH_LOG: 'debug',
    })
    await this.server.said(/listens on/)
  }

  /**
   * @param env overrides, such as thresholds that keep a job waiting.
   * @param isFrugal with little memory, for some more work (`bin/frugal`).
   */
  async startWorker(env: Record<string, string> = {}, isFrugal = false): Promise<void> {
    const settings = {
      KITH_SERVER: `http://127.0.0.1:${this.#isDirect ? this.#port : this.relay.port}`,
      KITH_WORKER_DATA: join(this.folder, 'worker'),
      KITH_WORKER_TOKEN_FILE: join(this.dataFolder, 'secrets', 'worker-token'),
      // A busy test machine is no reason to wait.
      KITH_WORKER_MAX_LOAD: '1000',
      KITH_WORKER_MAX_MEMORY_PERCENT: '100',
      KITH_WORKER_MIN_MEMORY_MB: '0',
      KITH_WORKER_MAX_SWAP_MB: '1000000',
      KITH_LOG: 'debug',
      ...env,
    }
    this.worker = this.#start('worker', 'worker/main.ts', settings, isFrugal)
    await this.worker.said(/"ready"/)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((program) => program.stop('SIGKILL')))
    await this.relay.close()
    await rm(this.folder, { recursive: true, force: true })
  }

  #start(name: string, entry: string, env: Record<string, string>, isFrugal = false): Program {
    const program = new Program(name, entry, [], env, join(this.folder, 'logs', `${name}.log`), isFrugal)
    this.#running.add(program)
    void program.exited.then(() => this.#running.delete(program))
    return program
  }
}

/** A port that is free now; the same one is used again when the server is restarted. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}
