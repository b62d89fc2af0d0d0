/** `npm run dev`: the client from Vite, server and worker under `node --watch`. Each reloads when its sources change. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { readConfig } from '../server/config.ts'

const CLIENT = 'http://localhost:5173'
const SLOW_MS = 10_000

const config = readConfig({ KITH_ORIGIN: CLIENT, ...process.env })
const server = `http://127.0.0.1:${config.port}`
const env = {
  ...process.env,
  KITH_PORT: String(config.port),
  KITH_ORIGIN: config.origin ?? CLIENT,
  KITH_SERVER: server,
  KITH_WORKER_TOKEN_FILE: join(config.folders.secrets, 'worker-token'),
}
const watch = ['--watch', '--disable-warning=ExperimentalWarning']

const programs: ChildProcess[] = []
let isStopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop(0))

run(process.execPath, [...watch, 'server/main.ts'])
run('vite', [])
// The worker registers with a token that the server makes at its first start.
await answers(`${server}/healthz`)
if (!isStopping) run(process.execPath, [...watch, 'worker/main.ts'])

/** All three, or none: where one ends, the others do. */
function run(program: string, args: string[]): void {
  const child = spawn(program, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  child.once('exit', (code) => stop(code ?? 1))
  programs.push(child)
}

function stop(code: number): void {
  if (isStopping) return
  isStopping = true
  const left = programs.filter((program) => program.exitCode === null && program.signalCode === null)
  for (const program of left) program.kill('SIGTERM')
  Promise.all(left.map((program) => new Promise((resolve) => program.once('exit', resolve)))).then(() =>
    process.exit(code),
  )
}

/** Waits for as long as it takes: a server that fails starts again when its sources change. */
async function answers(url: string): Promise<void> {
  const late = setTimeout(() => process.stderr.write(`The worker still waits for a server at ${url}.\n`), SLOW_MS)
  while (
    !(await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    )) &&
    !isStopping
  ) {
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  clearTimeout(late)
}
