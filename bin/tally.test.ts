import { expect, it } from 'vitest'
import { closingLine, sum, tallyPlaywright, tallyVitest } from './tally.ts'

const unit = { numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, numTodoTests: 0, numFailedTestSuites: 1 }
const browser = { stats: { expected: 3, unexpected: 2, flaky: 1, skipped: 0 }, errors: [] }

it('adds up both reports', () => {
  expect(closingLine(sum([tallyVitest(unit), tallyPlaywright(browser)]))).toBe('9 passed, 3 failed, 2 skipped')
  expect(closingLine({ passed: 1, failed: 0, skipped: 0 })).toBe('1 passed, 0 failed')
})

it('counts a file that did not load as a failure', () => {
  expect(tallyVitest({ ...unit, numFailedTests: 0 }).failed).toBe(1)
  expect(tallyPlaywright({ ...browser, errors: [{ message: 'no tests found' }] }).failed).toBe(3)
})

it.each([[{}], [{ stats: {} }]])('refuses %j', (report) => {
  expect(() => tallyVitest(report)).toThrow(TypeError)
  expect(() => tallyPlaywright(report)).toThrow(TypeError)
})
