// `npm run test:crash -- --rounds 500 --seed 7 --hubs 2`: the crash test at any length, with its
// figures. With `--workers 2` it starts one hub of so many workers and kills those.
//
// After them come `--copies 100` acts of another kind, 25 on one directory. Hubs of so many workers are
// killed, copied while they are stopped or run, put back to an older state and cloned. `--copies 0`
// leaves them out, `--rounds 0` the others.
//
// It runs in acts of at most 100 kills, each with a seed and a data directory of its own. The judge
// keeps everything that every subscriber has received, and a process cannot hold that of 500 kills.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runCrashRounds, runForkActs } from '@tidemark/testkit/crash'
import type { CrashReport, ForkReport } from '@tidemark/testkit/crash'
import { printReport } from './print-report.ts'

const roundsPerAct = 100
/** Histories are read again at the end, each by a hub of its own: a dozen of them in half a minute. */
const copiesPerAct = 25

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '500' },
    copies: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 0x7fff_ffff)) },
    workers: { type: 'string', default: '1' },
    hubs: { type: 'string' },
  },
})
const rounds = readCount('rounds', values.rounds)
const copies = readCount('copies', values.copies)
const seed = readCount('seed', values.seed)
const workers = readCount('workers', values.workers)
const hubs = readCount('hubs', values.hubs ?? (workers > 1 ? '1' : '2'))

// The timers of a log's clock do not hold a process, and between two hubs nothing else may.
const hold = setInterval(() => undefined, 60_000)
try {
  console.log(
    `${rounds} kills, ${hubs} hubs of ${workers} workers, ${copies} acts with copies, seed ${seed}`,
  )
  for (let act = 0; act * roundsPerAct < rounds; act++) {
    const actRounds = Math.min(roundsPerAct, rounds - act * roundsPerAct)
    const size = { rounds: actRounds, seed: seed + act, hubs, workers }
    const flags = `--rounds ${actRounds} --seed ${size.seed} --hubs ${hubs} --workers ${workers} --copies 0`
    await runAct(flags, (dataDirectory) =>
      runCrashRounds({ ...size, dataDirectory, onKill: sayProgress }),
    )
  }
  for (let act = 0; act * copiesPerAct < copies; act++) {
    const acts = Math.min(copiesPerAct, copies - act * copiesPerAct)
    const size = { acts, seed: seed + act, workers }
    const flags = `--rounds 0 --seed ${size.seed} --copies ${acts} --workers ${workers}`
    await runAct(flags, (dataDirectory) => runForkActs({ ...size, dataDirectory }))
  }
} finally {
  clearInterval(hold)
}

async function runAct(
  flags: string,
  run: (dataDirectory: string) => Promise<CrashReport | ForkReport>,
): Promise<void> {
  const again = `npm run test:crash -- ${flags}`
  const dataDirectory = mkdtempSync(join(tmpdir(), 'tidemark-crash-'))
  console.log(`\n${again}`)
  const started = performance.now()
  let isClean = false
  try {
    const report = await run(dataDirectory)
    printReport(report, performance.now() - started)
    isClean = report.violations.length === 0
  } finally {
    // A fault is looked for in the data first.
    if (isClean) rmSync(dataDirectory, { recursive: true, force: true })
    else console.log(`The data is kept in ${dataDirectory}. Again: ${again}`)
  }
  if (!isClean) process.exitCode = 1
}

function sayProgress(kills: number): void {
  if (kills % 25 === 0) console.log(`${kills} kills`)
}

function readCount(name: string, text: string): number {
  const count = Number(text)
  if (Number.isSafeInteger(count) && count >= (name === 'workers' || name === 'hubs' ? 1 : 0))
    return count
  throw new Error(`--${name} must be a whole number; got ${JSON.stringify(text)}.`)
}
