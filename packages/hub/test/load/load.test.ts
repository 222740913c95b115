// The promise of exact resume, held against load. `npm run test:load` runs the same for as long as one likes.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadScenarios, runLoad } from '@tidemark/testkit/load'
import type { LoadReport, Scenario } from '@tidemark/testkit/load'
import { expect, onTestFailed, test } from 'vitest'

const seconds = 0.7
const crowdShare = 0.35
const seed = readSeed(process.env['TIDEMARK_TEST_SEED'])

for (const scenario of loadScenarios) {
  test(`nothing is lost, doubled or out of order ${scenario.name}`, () => runAndJudge(scenario))
}

async function runAndJudge(scenario: Scenario): Promise<void> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'tidemark-load-'))
  let report: LoadReport | undefined
  onTestFailed(() => {
    process.stderr.write(
      `Again: TIDEMARK_TEST_SEED=${seed}, or npm run test:load -- --seconds ${seconds} --crowd ${crowdShare} --seed ${seed} --only ${JSON.stringify(scenario.name)}\n${report?.output ?? ''}\n`,
    )
  })
  try {
    report = await runLoad({ scenario, seed, seconds, crowdShare, dataDirectory })
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true })
  }
  const verdict = report.violations.map(({ subscriber, text }) => `${subscriber}: ${text}`)
  expect(verdict.slice(0, 30), `seed ${seed}`).toEqual([])
}

function readSeed(text: string | undefined): number {
  if (text === 'random') return Math.floor(Math.random() * 0x7fff_ffff)
  return text === undefined || text === '' ? 20_261_121 : Number(text)
}
