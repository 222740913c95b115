// Ledgers in real processes, some of which are killed in the middle of their work.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { runLedgerRounds } from './ledger-rounds.ts'
import { makeDirectory, removeDirectory } from './lmdb-harness.ts'

let directory = ''

beforeEach(async () => {
  directory = await makeDirectory()
})

afterEach(async () => {
  await removeDirectory(directory)
})

test('two processes that are killed in the middle of writing leave a ledger that is the same for all at every position', async () => {
  const report = await runLedgerRounds({
    directory,
    sets: 3_000,
    claims: 100,
    kills: 2,
    linesBeforeKill: 20,
  })
  expect(report).toMatchObject({
    differing: [],
    disputed: [],
    missing: [],
    claimed: 100,
    isFreshEqual: true,
  })
  expect(report.compared).toBeGreaterThan(50)
  expect(report.acknowledged).toBeGreaterThan(300)
})
