/** `npm test`: every check and every test, then one line with the sum. Exit code 1 where anything failed. */
import { readFileSync, rmSync } from 'node:fs'
import { runStep, type Step, UNIT_RESULTS, VERIFY } from './steps.ts'
import { closingLine, sum, type Tally, tallyPlaywright, tallyVitest } from './tally.ts'

const E2E_RESULTS = 'test-results/e2e.json'
const ENGINE_RESULTS = 'test-results/engines.json'

const STEPS: Step[] = [
  { name: 'known weaknesses', command: ['node', 'bin/audit.ts'], isLoud: true },
  ...VERIFY,
  { name: 'build', command: ['node', 'bin/build.ts'] },
  { name: 'size budgets', command: ['size-limit'] },
  { name: 'end to end', command: ['playwright', 'test'], isLoud: true },
  { name: 'three engines', command: ['playwright', 'test', '-c', 'playwright.engines.config.ts'], isLoud: true },
]

const REPORTS = new Map<string, { path: string; read: (report: unknown) => Tally }>([
  ['unit tests', { path: UNIT_RESULTS, read: tallyVitest }],
  ['end to end', { path: E2E_RESULTS, read: tallyPlaywright }],
  ['three engines', { path: ENGINE_RESULTS, read: tallyPlaywright }],
])

const NOTHING: Tally = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] }

async function tally(step: Step): Promise<Tally> {
  const report = REPORTS.get(step.name)
  if (report) rmSync(report.path, { force: true })
  const isFine = await runStep(step)
  const found = report ? readReport(report) : NOTHING
  // A check without tests of its own counts where it fails, and so does a test run that broke off.
  return isFine || found.failed > 0 ? found : { ...found, failed: 1, failures: [`${step.name}: see above`] }
}

function readReport({ path, read }: { path: string; read: (report: unknown) => Tally }): Tally {
  try {
    return read(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return { ...NOTHING, failed: 1, failures: [`${path}: no report that can be read`] }
  }
}

const tallies: Tally[] = []
for (const step of STEPS) tallies.push(await tally(step))
const total = sum(tallies)
for (const line of [...total.skips, ...total.failures]) process.stdout.write(`\n${line}\n`)
process.stdout.write(`\n${closingLine(total)}\n`)
process.exitCode = total.failed > 0 ? 1 : 0
