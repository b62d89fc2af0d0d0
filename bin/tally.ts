import { stripVTControlCharacters } from 'node:util'

export interface Tally {
  passed: number
  failed: number
  skipped: number
  /** What failed and with which words, a line each: the whole output is long, and its end is what is read first. */
  failures: string[]
  /** What was not tried and why, a line each: where nothing failed, nobody looks further up. */
  skips: string[]
}

/** From vitest's JSON report. @throws {TypeError} where it is not one. */
export function tallyVitest(report: unknown): Tally {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numFailedTestSuites } = report as Record<
    string,
    unknown
  >
  const failed = count(numFailedTests)
  return {
    passed: count(numPassedTests),
    // A file that could not even be loaded has no tests to fail.
    failed: failed === 0 ? count(numFailedTestSuites) : failed,
    skipped: count(numPendingTests) + count(numTodoTests),
    failures: linesOf(() => vitestFailures(report)),
    skips: [],
  }
}

/** From Playwright's JSON report. @throws {TypeError} where it is not one. */
export function tallyPlaywright(report: unknown): Tally {
  const { stats, errors } = report as { stats?: Record<string, unknown>; errors?: unknown[] }
  const { expected, unexpected, flaky, skipped } = stats ?? {}
  return {
    passed: count(expected) + count(flaky),
    failed: count(unexpected) + (errors?.length ?? 0),
    skipped: count(skipped),
    failures: linesOf(() => playwrightFailures(report)),
    skips: linesOf(() => playwrightSkips(report)),
  }
}

type VitestReport = {
  testResults?: { name: string; message: string; assertionResults: VitestResult[] }[]
}
type VitestResult = { status: string; fullName: string; failureMessages?: string[] }

function vitestFailures(report: unknown): string[] {
  return ((report as VitestReport).testResults ?? []).flatMap(({ name, message, assertionResults }) => {
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    if (failed.length === 0 && message) return [lineOf(name, message)]
    return failed.map(({ fullName, failureMessages }) => lineOf(fullName, failureMessages?.[0]))
  })
}

type PlaywrightSuite = { specs?: PlaywrightSpec[]; suites?: PlaywrightSuite[] }
type PlaywrightSpec = { file: string; line: number; title: string; tests: PlaywrightTest[] }
type PlaywrightTest = {
  status: string
  results: Attempt[]
  /** Empty where a configuration has no projects. */
  projectName?: string
  annotations?: { type: string; description?: string }[]
}
type Attempt = { errors: { message?: string; location?: { file: string; line: number } }[] }

function playwrightFailures(report: unknown): string[] {
  const { errors = [] } = report as { errors?: { message?: string }[] }
  const ofSpecs = specsIn(report).flatMap(({ file, line, title, tests }) =>
    tests
      .filter(({ status }) => status === 'unexpected' || status === 'flaky')
      .map(({ status, results, projectName }) => {
        const error = results.flatMap((attempt) => attempt.errors)[0]
        const at = error?.location ? ` (line ${error.location.line})` : ''
        const name = `${nameOf(file, line, title, projectName)}${at}`
        return lineOf(status === 'flaky' ? `Passed at another try: ${name}` : name, error?.message)
      }),
  )
  return [...errors.map(({ message }) => lineOf('Playwright', message)), ...ofSpecs]
}

function playwrightSkips(report: unknown): string[] {
  return specsIn(report).flatMap(({ file, line, title, tests }) =>
    tests
      .filter(({ status }) => status === 'skipped')
      .map(({ projectName, annotations = [] }) => {
        const reason = annotations.find(({ type }) => type === 'skip')?.description
        return lineOf(`NOT TRIED: ${nameOf(file, line, title, projectName)}`, reason ?? 'no reason was given')
      }),
  )
}

function nameOf(file: string, line: number, title: string, project = ''): string {
  return `${file}:${line} ${project && `${project}: `}${title}`
}

function specsIn(report: unknown): PlaywrightSpec[] {
  const below = ({ specs = [], suites = [] }: PlaywrightSuite): PlaywrightSpec[] => [...specs, ...suites.flatMap(below)]
  return below(report as PlaywrightSuite)
}

/** A report that is not as expected costs the words alone, never the count. */
function linesOf(read: () => string[]): string[] {
  try {
    return read()
  } catch {
    return []
  }
}

const WORDS_LENGTH = 400

function lineOf(name: string, words = ''): string {
  const plain = stripVTControlCharacters(words).replaceAll(/\s+/g, ' ').trim()
  return `${name}: ${plain.length > WORDS_LENGTH ? `${plain.slice(0, WORDS_LENGTH)}…` : plain}`
}

export function sum(tallies: Tally[]): Tally {
  const total: Tally = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] }
  for (const tally of tallies) {
    total.passed += tally.passed
    total.failed += tally.failed
    total.skipped += tally.skipped
    total.failures.push(...tally.failures)
    total.skips.push(...tally.skips)
  }
  return total
}

/** The line that ends `npm test`. */
export function closingLine({ passed, failed, skipped }: Pick<Tally, 'passed' | 'failed' | 'skipped'>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

function count(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError('not a test report')
  return value
}
