// A test that did not run is never counted as a success.

import { expect, test } from 'vitest'
import { countTests } from '../count-tests.ts'

function makeFile(status: string, ...statuses: readonly string[]) {
  const assertionResults = statuses.map((each, i) => ({ status: each, fullName: `test ${i}` }))
  return { name: 'a.test.ts', status, assertionResults }
}

test('passed and failed tests are counted over all files', () => {
  const testResults = [
    makeFile('passed', 'passed', 'passed'),
    makeFile('failed', 'passed', 'failed'),
  ]
  expect(countTests({ testResults }, 1)).toEqual({ passed: 3, failed: 1, notes: [] })
})

test('a skipped test counts as failed and is named', () => {
  const testResults = [makeFile('passed', 'passed', 'skipped')]
  expect(countTests({ testResults }, 0)).toEqual({
    passed: 1,
    failed: 1,
    notes: ['skipped: test 1'],
  })
})

test('a file that cannot be loaded counts as one failure', () => {
  const testResults = [makeFile('failed')]
  expect(countTests({ testResults }, 1)).toEqual({
    passed: 0,
    failed: 1,
    notes: ['could not run: a.test.ts'],
  })
})

test('a run that fails after its tests passed is a failure', () => {
  const { failed } = countTests({ testResults: [makeFile('passed', 'passed')] }, 1)
  expect(failed).toBe(1)
})
