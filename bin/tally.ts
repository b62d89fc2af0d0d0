export interface Tally {
  passed: number
  failed: number
  skipped: number
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
  }
}

export function sum(tallies: Tally[]): Tally {
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const tally of tallies) {
    total.passed += tally.passed
    total.failed += tally.failed
    total.skipped += tally.skipped
  }
  return total
}

/** The line that ends `npm test`. */
export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

function count(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError('not a test report')
  return value
}
