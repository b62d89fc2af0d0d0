import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const VERSION = '13.5.0'
/** Not among the packages that every start of Kith installs: 176 MB that only this comparison needs. */
const folder = fileURLToPath(new URL(`../.node/lighthouse-${VERSION}`, import.meta.url))
const program = `${folder}/node_modules/lighthouse`

export type Audit = {
  readonly performance: number
  readonly accessibility: number
  readonly bestPractices: number
  readonly lcpMs: number
  /** What else there was to mend. */
  readonly faults: readonly string[]
}

const run = promisify(execFile)
const child = fileURLToPath(new URL('lighthouse-audit.ts', import.meta.url))

/**
 * Brought on first use; each audit runs in a process of its own, so that nothing else this one does is in its figures.
 * @returns what Lighthouse says of a page, as on its mid-range phone on a slow network.
 */
export async function loadLighthouse(): Promise<(url: string, port: number, keepsStorage: boolean) => Promise<Audit>> {
  if (!existsSync(program)) {
    const args = ['--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error']
    const { status } = spawnSync('npm', ['install', ...args, `lighthouse@${VERSION}`], { stdio: ['ignore', 2, 2] })
    if (status !== 0) throw new Error('Lighthouse could not be installed')
  }
  return async (url, port, keepsStorage) => {
    const args = ['--disable-warning=ExperimentalWarning', child, program, url, String(port), String(keepsStorage)]
    const { stdout } = await run(process.execPath, args, { maxBuffer: 64 * 2 ** 20 })
    return JSON.parse(stdout) as Audit
  }
}
