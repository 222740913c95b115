// Ledgers in real processes, some of which are killed in the middle of their work.

import { join } from 'node:path'
import { openLedger } from '@tidemark/log'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { backUpLog, restoreLog } from '../src/index.ts'
import { textCodec } from './ledger-digest.ts'
import { runLedgerRounds } from './ledger-rounds.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

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

test('a restored backup holds its ledgers as they were: what was claimed before it stays so, what came after is open to one', async () => {
  const [data, restored] = [join(directory, 'data'), join(directory, 'restored')]
  const backup = join(directory, 'backup.mdb')
  const log = await openAt(data)
  const bans = await openLedger(log, 'bans', { codec: textCodec })
  await bans.set('ada', 'before')
  await bans.claim('early', 'first')
  await backUpLog({ directory: data, target: backup })
  await bans.set('ada', 'after')
  await bans.claim('late', 'first')
  await log.close()
  await restoreLog({ backup, directory: restored })
  const logs = [await openAt(restored), await openAt(restored)]
  const both = await Promise.all(logs.map((each) => openLedger(each, 'bans', { codec: textCodec })))
  for (const ledger of both) {
    expect(ledger.get('ada')).toBe('before')
    expect(await ledger.claim('early', 'second')).toMatchObject({ isWon: false, value: 'first' })
    expect(ledger.get('late')).toBeUndefined()
  }
  const claims = await Promise.all(both.map((ledger, i) => ledger.claim('late', `${i}`)))
  expect(claims.filter(({ isWon }) => isWon)).toHaveLength(1)
  for (const each of logs) await each.close()
})
