// `npm run test:ledger -- --sets 100000 --claims 1000 --kills 20`: two processes write to one ledger
// and are killed, at any length.

import { parseArgs } from 'node:util'
import { runLedgerRounds } from '../packages/log-lmdb/test/ledger-rounds.ts'
import { makeDirectory, removeDirectory } from '../packages/log-lmdb/test/lmdb-harness.ts'

const { values } = parseArgs({
  options: {
    sets: { type: 'string', default: '100000' },
    claims: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '20' },
  },
})
// The timers of a log's clock do not hold a process, and between two lives nothing else may.
const hold = setInterval(() => undefined, 60_000)
const directory = await makeDirectory()
try {
  const report = await runLedgerRounds({
    directory,
    sets: Number(values.sets),
    claims: Number(values.claims),
    kills: Number(values.kills),
    linesBeforeKill: 50,
  })
  console.log(JSON.stringify(report, undefined, 2))
  const { differing, disputed, missing, isFreshEqual, compared } = report
  const faults = differing.length + disputed.length + missing.length
  if (faults > 0 || !isFreshEqual || compared === 0) process.exitCode = 1
} finally {
  clearInterval(hold)
  await removeDirectory(directory)
}
