/** `npm run dev`: the client from Vite, server and worker under `node --watch`. Each reloads when its sources change. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { readConfig } from '../server/config.ts'

const CLIENT = 'http://localhost:5173'

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

const programs: ChildProcess[] = [
  spawn(process.execPath, [...watch, 'server/main.ts'], { env, stdio: ['ignore', 'inherit', 'inherit'] }),
  spawn('vite', { env, stdio: ['ignore', 'inherit', 'inherit'] }),
]
// The worker registers with a token that the server makes at its first start.
await answers(`${server}/healthz`)
programs.push(spawn(process.execPath, [...watch, 'worker/main.ts'], { env, stdio: ['ignore', 'inherit', 'inherit'] }))

let isStopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop(0))
for (const program of programs) program.once('exit', (code) => stop(code ?? 1))

function stop(code: number): void {
  if (isStopping) return
  isStopping = true
  const left = programs.filter((program) => program.exitCode === null && program.signalCode === null)
  for (const program of left) program.kill('SIGTERM')
  Promise.all(left.map((program) => new Promise((resolve) => program.once('exit', resolve)))).then(() =>
    process.exit(code),
  )
}

async function answers(url: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 250) {
    if (
      await fetch(url).then(
        (reply) => reply.ok,
        () => false,
      )
    )
      return
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}
