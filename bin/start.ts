/** `npm start`: builds the client where it changed, runs server and worker, ends both. */
import { join } from 'node:path'
import { ConfigError, readConfig } from '../server/config.ts'
import { buildClient } from './run/build-client.ts'
import { Program } from './run/program.ts'

const LISTEN_MS = 60_000
const FINGERPRINT_MS = 60_000
const FINGERPRINT = /\b(?:\d{5}[ -]){5}\d{5}\b/
/** The worker's own word about it, which is said below. */
const IS_FINGERPRINT = /^Worker [\d -]+$/
const RESTART_MAX_MS = 30_000

const say = (line: string) => process.stdout.write(`${line}\n`)
const complain = (line: string) => process.stderr.write(`${line}\n`)

const running = new Set<Program>()
let isStopping = false

async function main(): Promise<number> {
  const config = readConfig(process.env)
  buildClient(say)
  // Its own word about the address is said below, for people.
  const server = launch('server', 'server/main.ts', {}, (line) => /^Kith listens on /.test(line) || complain(line))
  const url = (await server.said(/\bhttps?:\/\/[^\s,"]+/, LISTEN_MS))?.[0]
  if (!url) return server.stop()
  say(`Kith   ${config.origin ?? url}`)
  say(`Data   ${config.folders.data}`)
  const worker = tendWorker(url, join(config.folders.secrets, 'worker-token'))
  const code = await Promise.race([server.ended, worker])
  return isStopping ? 0 : code
}

/** Keeps a worker running. Settles only where the very first one cannot start, with its exit code. */
async function tendWorker(url: string, tokenFile: string): Promise<number> {
  let waitMs = 1000
  for (let isFirst = true; !isStopping; isFirst = false) {
    const env = {
      KITH_SERVER: process.env.KITH_SERVER || url,
      KITH_WORKER_TOKEN_FILE: process.env.KITH_WORKER_TOKEN_FILE || tokenFile,
    }
    const worker = launch('worker', 'worker/main.ts', env, (line) => IS_FINGERPRINT.test(line) || complain(line), true)
    const fingerprint = (await worker.said(FINGERPRINT, FINGERPRINT_MS))?.[0]
    if (isFirst && fingerprint) say(`Worker ${fingerprint}\nCtrl-C ends it.`)
    const startedMs = Date.now()
    const code = await worker.ended
    if (isStopping) break
    if (isFirst && !fingerprint) return code || 1
    waitMs = Date.now() - startedMs > RESTART_MAX_MS ? 1000 : Math.min(waitMs * 2, RESTART_MAX_MS)
    complain(`The worker ended (${code}); it starts again in ${waitMs / 1000} s.`)
    await new Promise((resolve) => setTimeout(resolve, waitMs).unref())
  }
  return 0
}

function launch(
  name: string,
  entry: string,
  env: Record<string, string>,
  onLine: (line: string) => void,
  isFrugal = false,
): Program {
  const program = new Program(name, entry, { ...process.env, ...env }, onLine, isFrugal)
  running.add(program)
  program.ended.then(() => running.delete(program))
  return program
}

/** The worker first: it hands its job back to the server. */
async function stopAll(): Promise<void> {
  isStopping = true
  for (const program of [...running].reverse()) await program.stop()
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (isStopping) return
    stopAll().then(() => process.exit(0))
  })
}

try {
  const code = await main()
  if (!isStopping) {
    await stopAll()
    process.exit(code || 1)
  }
} catch (error) {
  complain(error instanceof ConfigError ? `${error.message}.` : error instanceof Error ? error.message : String(error))
  await stopAll()
  process.exit(1)
}
