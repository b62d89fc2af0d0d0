import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

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

type Result = {
  readonly categories: Record<string, { score: number | null; auditRefs: { id: string }[] } | undefined>
  readonly audits: Record<string, { score: number | null; numericValue?: number; title: string } | undefined>
}
type Lighthouse = (url: string, flags: Record<string, unknown>) => Promise<{ lhr: Result } | undefined>

/** Brought on first use. @returns what Lighthouse says of a page, as on its mid-range phone on a slow network. */
export async function loadLighthouse(): Promise<(url: string, port: number, keepsStorage: boolean) => Promise<Audit>> {
  if (!existsSync(program)) {
    const args = ['--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error']
    const { status } = spawnSync('npm', ['install', ...args, `lighthouse@${VERSION}`], { stdio: ['ignore', 2, 2] })
    if (status !== 0) throw new Error('Lighthouse could not be installed')
  }
  const { default: lighthouse } = (await import(pathToFileURL(`${program}/core/index.js`).href)) as {
    default: Lighthouse
  }
  return async (url, port, keepsStorage) => {
    const onlyCategories = ['performance', 'accessibility', 'best-practices']
    const answer = await lighthouse(url, { port, logLevel: 'error', onlyCategories, disableStorageReset: keepsStorage })
    if (!answer) throw new Error('Lighthouse found nothing')
    const { categories, audits } = answer.lhr
    const score = (name: string) => Math.round((categories[name]?.score ?? 0) * 100)
    const judged = new Set(Object.values(categories).flatMap((one) => one?.auditRefs.map(({ id }) => id) ?? []))
    return {
      performance: score('performance'),
      accessibility: score('accessibility'),
      bestPractices: score('best-practices'),
      lcpMs: audits['largest-contentful-paint']?.numericValue ?? Number.POSITIVE_INFINITY,
      faults: Object.entries(audits).flatMap(([id, one]) =>
        one && one.score !== null && one.score < 0.9 && judged.has(id) ? `${one.title} (${one.score})` : [],
      ),
    }
  }
}
