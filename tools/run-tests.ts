// `npm test`: provisions, builds and runs every check and test; the last line is `N passed, N failed`.

import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { countTests } from './count-tests.ts'
import type { Count, VitestReport } from './count-tests.ts'
import { rootFolder } from './read-rooms.ts'
import { run } from './run-step.ts'

const reportPath = join(rootFolder, 'artifacts/vitest.json')

/** Without these nothing else can run. */
const groundwork: readonly (readonly string[])[] = ['provision', 'build'].map(script)

const checks: readonly (readonly string[])[] = ['lint', 'format:check', 'knip', 'test:types'].map(
  script,
)

const packageChecks: readonly (readonly string[])[] = ['test:pack', 'test:size'].map(script)

let passed = 0
let failed = 0

if (await runAll(groundwork, { live: true })) {
  await runAll(checks)
  await runVitest()
  await runAll(packageChecks)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0

function script(name: string): readonly string[] {
  return ['npm', 'run', '--silent', name]
}

/** Runs steps in order, each counted as one test; whether all passed. */
async function runAll(
  steps: readonly (readonly string[])[],
  options?: { readonly live: boolean },
): Promise<boolean> {
  const failedBefore = failed
  for (const [command = '', ...args] of steps) {
    const started = performance.now()
    const name = args.at(-1) ?? command
    // The groundwork is live: installing browsers takes a minute, and silence looks like a hang.
    const { code, output } = await run(command, args, options)
    if (code === 0) passed += 1
    else failed += 1
    console.log(`${code === 0 ? '✓' : '✗'} ${name} (${since(started)})`)
    if (code !== 0) console.log(output)
    if (code !== 0 && options?.live === true) return false
  }
  return failed === failedBefore
}

async function runVitest(): Promise<void> {
  const started = performance.now()
  mkdirSync(join(rootFolder, 'artifacts'), { recursive: true })
  // A report left by an earlier run must not be counted for one that died.
  rmSync(reportPath, { force: true })
  const vitest = 'node_modules/vitest/vitest.mjs'
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`]
  const { code } = await run(process.execPath, [vitest, 'run', ...reporters], { live: true })
  const count = readCount(code)
  passed += count.passed
  failed += count.failed
  for (const note of count.notes) console.log(note)
  const mark = count.failed === 0 ? '✓' : '✗'
  console.log(
    `${mark} vitest (${since(started)}): ${count.passed} passed, ${count.failed} failed in its files`,
  )
}

function readCount(exitCode: number): Count {
  try {
    return countTests(JSON.parse(readFileSync(reportPath, 'utf8')) as VitestReport, exitCode)
  } catch (error) {
    return { passed: 0, failed: 1, notes: [`vitest left no readable report: ${String(error)}`] }
  }
}

function since(started: number): string {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`
}
