import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Bench, figure } from '../figure.ts'

const GOALS_KIB: Readonly<Record<string, number>> = { 'entry JS': 60, 'Service Worker': 40, CSS: 15 }

/** What a first visit downloads, by the same budgets that `npm run size` checks. */
export const bench: Bench = {
  name: 'shell',
  async run() {
    const { stdout } = await promisify(execFile)(process.execPath, ['node_modules/size-limit/bin.js', '--json'])
    const sizes = JSON.parse(stdout) as { name: string; size: number }[]
    return sizes.map(({ name, size }) =>
      figure(`shell: ${name}, gzip`, 'KiB', { ours: size / 1024 }, { atMost: GOALS_KIB[name] ?? 0 }),
    )
  },
}
