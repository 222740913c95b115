// `npm run test:load -- --seconds 30 --seed 7 --only gzip`: the load tests at any length, with their figures.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadScenarios, runLoad } from '@tidemark/testkit/load'
import type { Scenario } from '@tidemark/testkit/load'
import { printReport } from './print-report.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 0x7fff_ffff)) },
    crowd: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
})
const seconds = readNumber('seconds', values.seconds)
const crowdShare = readNumber('crowd', values.crowd)
const seed = readNumber('seed', values.seed)

// The timers of a log's clock do not hold a process, and at times nothing else may.
const hold = setInterval(() => undefined, 60_000)
try {
  for (const scenario of loadScenarios) {
    if (scenario.name.includes(values.only)) await run(scenario)
  }
} finally {
  clearInterval(hold)
}

async function run(scenario: Scenario): Promise<void> {
  console.log(`\n${scenario.name}: ${seconds} s, seed ${seed}`)
  const dataDirectory = mkdtempSync(join(tmpdir(), 'tidemark-load-'))
  const started = performance.now()
  try {
    const report = await runLoad({ scenario, seed, seconds, crowdShare, dataDirectory })
    printReport(report, performance.now() - started)
    if (report.violations.length > 0) process.exitCode = 1
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true })
  }
}

function readNumber(name: string, text: string): number {
  const number = Number(text)
  if (text !== '' && Number.isFinite(number) && number >= 0) return number
  throw new Error(`--${name} must be a number from 0 up; got ${JSON.stringify(text)}.`)
}
