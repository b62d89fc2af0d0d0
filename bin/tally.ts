import { stripVTControlCharacters } from 'node:util'

export interface Tally {
  passed: number
  failed: number
  skipped: number
  /** What failed and with which words, a line each: the whole output is long, and its end is what is read first. */
  failures: string[]
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
    failures: failuresOf(() => vitestFailures(report)),
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
    failures: failuresOf(() => playwrightFailures(report)),
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
type PlaywrightSpec = { file: string; line: number; title: string; tests: { status: string; results: Attempt[] }[] }
type Attempt = { errors: { message?: string; location?: { file: string; line: number } }[] }

function playwrightFailures(report: unknown): string[] {
  const { suites = [], errors = [] } = report as PlaywrightSuite & { errors?: { message?: string }[] }
  const specs = suites.flatMap(function below({
    specs: own = [],
    suites: inner = [],
  }: PlaywrightSuite): PlaywrightSpec[] {
    return [...own, ...inner.flatMap(below)]
  })
  const ofSpecs = specs.flatMap(({ file, line, title, tests }) =>
    tests
      .filter(({ status }) => status === 'unexpected' || status === 'flaky')
      .map(({ status, results }) => {
        const error = results.flatMap((attempt) => attempt.errors)[0]
        const at = error?.location ? ` (line ${error.location.line})` : ''
        const name = `${file}:${line} ${title}${at}`
        return lineOf(status === 'flaky' ? `Passed at another try: ${name}` : name, error?.message)
      }),
  )
  return [...errors.map(({ message }) => lineOf('Playwright', message)), ...ofSpecs]
}

/** A report that is not as expected costs the words alone, never the count. */
function failuresOf(read: () => string[]): string[] {
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
  const total: Tally = { passed: 0, failed: 0, skipped: 0, failures: [] }
  for (const tally of tallies) {
    total.passed += tally.passed
    total.failed += tally.failed
    total.skipped += tally.skipped
    total.failures.push(...tally.failures)
  }
  return total
}

/** The line that ends `npm test`. */
export function closingLine({ passed, failed, skipped }: Omit<Tally, 'failures'>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

function count(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError('not a test report')
  return value
}
