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

it('says in a line each what failed, wherever it stands in the report', () => {
  const assertionResults = [
    { status: 'passed', fullName: 'adds' },
    { status: 'failed', fullName: 'subtracts', failureMessages: ['\u001b[31mexpected 1\u001b[39m\n  to be 2'] },
  ]
  const testResults = [
    { name: '/a.test.ts', message: '', assertionResults },
    { name: '/b.test.ts', message: 'does not load', assertionResults: [] },
  ]
  expect(tallyVitest({ ...unit, testResults }).failures).toEqual([
    'subtracts: expected 1 to be 2',
    '/b.test.ts: does not load',
  ])

  const spec = (title: string, status: string, message: string) => ({
    file: 'a.spec.ts',
    line: 3,
    title,
    tests: [{ status, results: [{ errors: [{ message, location: { file: '/a.spec.ts', line: 9 } }] }] }],
  })
  const suites = [
    { specs: [spec('walks', 'expected', ''), spec('rests', 'flaky', 'too slow')] },
    { suites: [{ specs: [spec('runs', 'unexpected', 'x'.repeat(500))] }] },
  ]
  const { failures } = tallyPlaywright({ ...browser, suites, errors: [{ message: 'no tests found' }] })
  expect(failures).toEqual([
    'Playwright: no tests found',
    'Passed at another try: a.spec.ts:3 rests (line 9): too slow',
    `a.spec.ts:3 runs (line 9): ${'x'.repeat(400)}…`,
  ])
})

it('says what was not tried, and why, and in which engine', () => {
  const spec = (status: string, projectName: string, description?: string) => ({
    file: 'walk.engine.ts',
    line: 60,
    title: 'sign up',
    tests: [{ status, results: [], projectName, annotations: [{ type: 'skip', ...(description && { description }) }] }],
  })
  const suites = [
    { specs: [spec('expected', 'Chromium'), spec('skipped', 'Firefox', 'Firefox is not installed')] },
    { suites: [{ specs: [spec('skipped', '')] }] },
  ]
  const { skips, failures } = tallyPlaywright({ ...browser, suites })
  expect(skips).toEqual([
    'NOT TRIED: walk.engine.ts:60 Firefox: sign up: Firefox is not installed',
    'NOT TRIED: walk.engine.ts:60 sign up: no reason was given',
  ])
  expect(failures).toEqual([])
  expect(sum([tallyPlaywright({ ...browser, suites }), tallyVitest(unit)]).skips).toEqual(skips)
})

it('counts although the words of a report cannot be read', () => {
  expect(tallyPlaywright({ ...browser, suites: [{ specs: [{}] }] })).toMatchObject({ failed: 2, failures: [] })
})
