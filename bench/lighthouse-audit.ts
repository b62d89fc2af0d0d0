import { pathToFileURL } from 'node:url'
import type { Audit } from './lighthouse.ts'

/** `lighthouse-audit.ts <program> <url> <port of the browser> <true: keeps its storage>`: writes an `Audit` as JSON. */
type Result = {
  readonly categories: Record<string, { score: number | null; auditRefs: { id: string }[] } | undefined>
  readonly audits: Record<string, { score: number | null; numericValue?: number; title: string } | undefined>
}
type Lighthouse = (url: string, flags: Record<string, unknown>) => Promise<{ lhr: Result } | undefined>

const [program = '', url = '', port = '', keepsStorage = ''] = process.argv.slice(2)
const { default: lighthouse } = (await import(pathToFileURL(`${program}/core/index.js`).href)) as {
  default: Lighthouse
}
const onlyCategories = ['performance', 'accessibility', 'best-practices']
const flags = { port: Number(port), logLevel: 'error', onlyCategories, disableStorageReset: keepsStorage === 'true' }
const answer = await lighthouse(url, flags)
if (!answer) throw new Error('Lighthouse found nothing')
const { categories, audits } = answer.lhr
const score = (name: string) => Math.round((categories[name]?.score ?? 0) * 100)
const judged = new Set(Object.values(categories).flatMap((one) => one?.auditRefs.map(({ id }) => id) ?? []))
const audit: Audit = {
  performance: score('performance'),
  accessibility: score('accessibility'),
  bestPractices: score('best-practices'),
  lcpMs: audits['largest-contentful-paint']?.numericValue ?? Number.POSITIVE_INFINITY,
  faults: Object.entries(audits).flatMap(([id, one]) =>
    one && one.score !== null && one.score < 0.9 && judged.has(id) ? `${one.title} (${one.score})` : [],
  ),
}
process.stdout.write(JSON.stringify(audit))
