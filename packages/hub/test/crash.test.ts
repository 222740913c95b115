// The promise of exact resume, held against `kill -9`: a few kills of each kind. `npm run test:crash` runs
// the same for as long as one likes, 500 kills and 100 copies unless it is told otherwise.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCrashRounds, runForkActs } from '@tidemark/testkit/crash'
import type { CrashOptions, CrashReport, ForkReport } from '@tidemark/testkit/crash'
import { expect, onTestFailed, test } from 'vitest'

const rounds = 6
const seed = readSeed(process.env['TIDEMARK_TEST_SEED'])

test('a hub killed six times neither loses, doubles nor reorders an event', () =>
  runAndJudge({ hubs: 1, workers: 1 }))

test('two hubs on one data directory, either killed six times, neither lose, double nor reorder an event', () =>
  runAndJudge({ hubs: 2, workers: 1 }))

test('a hub of which one worker is killed six times neither loses, doubles nor reorders an event', () =>
  runAndJudge({ hubs: 1, workers: 2 }))

test('no client misses an event in silence, and each gap begins where histories part, when directories are put back to an older state or used twice', async () => {
  // One of each kind at least, and two parted histories.
  const acts = 15
  const dataDirectory = mkdtempSync(join(tmpdir(), 'tidemark-crash-'))
  let report: ForkReport | undefined
  onTestFailed(() => {
    process.stderr.write(
      `Again: TIDEMARK_TEST_SEED=${seed}, or npm run test:crash -- --rounds 0 --copies ${acts} --seed ${seed}\n${report?.output ?? ''}\n`,
    )
  })
  try {
    report = await runForkActs({ acts, seed, dataDirectory })
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true })
  }
  const { figures, violations } = report
  const verdict = violations.map(({ kind, subscriber, text }) => `${kind}: ${subscriber}: ${text}`)
  expect(verdict.slice(0, 50)).toEqual([])
  // A run in which clients stay in one history would keep every promise.
  expect(figures.branches).toBeGreaterThan(2)
  expect(figures.parted).toBeGreaterThan(10)
  expect(figures.exact).toBeGreaterThan(10)
})

async function runAndJudge({
  hubs,
  workers,
}: Pick<CrashOptions, 'hubs' | 'workers'>): Promise<void> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'tidemark-crash-'))
  let report: CrashReport | undefined
  onTestFailed(() => {
    process.stderr.write(
      `Again: TIDEMARK_TEST_SEED=${seed}, or npm run test:crash -- --rounds ${rounds} --seed ${seed} --hubs ${hubs} --workers ${workers}\n${report?.output ?? ''}\n`,
    )
  })
  try {
    report = await runCrashRounds({ rounds, seed, hubs, workers, dataDirectory })
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true })
  }
  const { figures, violations } = report
  const verdict = violations.map(({ kind, subscriber, text }) => `${kind}: ${subscriber}: ${text}`)
  expect(verdict.slice(0, 50)).toEqual([])
  // A run in which nothing happened would keep every promise.
  expect(figures.kills).toBe(rounds)
  expect(figures.acknowledged).toBeGreaterThan(500)
  expect(figures.received).toBeGreaterThan(figures.acknowledged)
  expect(figures.reconnects).toBeGreaterThan(100)
  expect(figures.replayed).toBeGreaterThan(100)
}

function readSeed(text: string | undefined): number {
  if (text === 'random') return Math.floor(Math.random() * 0x7fff_ffff)
  return text === undefined || text === '' ? 20_261_120 : Number(text)
}
