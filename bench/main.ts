import { writeFile } from 'node:fs/promises'
import type { Bench, Figure } from './figure.ts'
import { machine, toMarkdown } from './figure.ts'

/** `npm run bench [-- <name>] [--json]`. All of them: writes `bench/results.md`. */
const benches: Record<string, () => Promise<{ bench: Bench }>> = {
  'open-object': () => import('./figures/open-object.ts'),
  hls: () => import('./figures/hls.ts'),
  upload: () => import('./figures/upload.ts'),
  transcode: () => import('./figures/transcode.ts'),
  'worker-memory': () => import('./figures/worker-memory.ts'),
  shell: () => import('./figures/shell.ts'),
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
}
const table = toMarkdown(figures, machine())
process.stdout.write(json ? `${JSON.stringify({ machine: machine(), figures })}\n` : `${table}\n`)
if (only === undefined) await writeFile(new URL('results.md', import.meta.url), table)
process.exit(0)
