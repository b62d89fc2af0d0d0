import { writeFile } from 'node:fs/promises'
import type { Bench, Figure } from './figure.ts'
import { machine, toMarkdown } from './figure.ts'

/** `npm run bench [-- <name>] [--json]`. All of them: writes `bench/results.md`. */
const benches: Record<string, () => Promise<{ bench: Bench }>> = {
  shell: () => import('./figures/shell.ts'),
  'open-object': () => import('./figures/open-object.ts'),
  hls: () => import('./figures/hls.ts'),
  transcode: () => import('./figures/transcode.ts'),
  upload: () => import('./figures/upload.ts'),
  message: () => import('./figures/message.ts'),
  chat: () => import('./figures/chat.ts'),
  'chat-catch-up': () => import('./figures/chat-catch-up.ts'),
  'chat-delivery': () => import('./figures/chat-delivery.ts'),
  start: () => import('./figures/start.ts'),
  lighthouse: () => import('./figures/lighthouse.ts'),
  library: () => import('./figures/library.ts'),
  offline: () => import('./figures/offline.ts'),
  'worker-memory': () => import('./figures/worker-memory.ts'),
}

const args = process.argv.slice(2)
const json = args.includes('--json')
const only = args.find((argument) => !argument.startsWith('--'))
if (only !== undefined && !(only in benches)) {
  process.stderr.write(`There is no bench “${only}”. There are: ${Object.keys(benches).join(', ')}.\n`)
  process.exit(2)
}

const figures: Figure[] = []
for (const [name, load] of Object.entries(benches)) {
  if (only !== undefined && name !== only) continue
  process.stderr.write(`${name} …\n`)
  const { bench } = await load()
  figures.push(...(await bench.run((line) => process.stderr.write(`  ${line}\n`))))
  // After each: what took minutes is not lost when a later one fails.
  if (only === undefined) await writeFile(new URL('results.md', import.meta.url), toMarkdown(figures, machine()))
}
const table = toMarkdown(figures, machine())
process.stdout.write(json ? `${JSON.stringify({ machine: machine(), figures })}\n` : `${table}\n`)
// What was not reached is told to whatever runs it.
process.exit(figures.some(({ met }) => met === false) ? 1 : 0)
