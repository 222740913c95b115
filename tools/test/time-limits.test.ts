// No test fails by a clock of its own: `testTimeout` in vitest.config.ts is the one time limit of all tests.

import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/** A number behind the function of a `test(…)`, or `timeout` in its options. */
const ownLimit = /^ *\},?\s+\d[\d_]*,?\s*\)$|\{\s*timeout: *\d/m

const root = new URL('../..', import.meta.url).pathname
const folders = readdirSync(join(root, 'packages'))
  .map((room) => `packages/${room}/test`)
  .filter((folder) => existsSync(join(root, folder)))

/** Test files, and the contracts that testkit hands to them. */
function listTestFiles(): string[] {
  return [...folders, 'packages/testkit/src/event-log', 'tools/test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => join(folder, path)),
  )
}

test('no test lowers the time limit that a machine with eight times the work needs', () => {
  const files = listTestFiles()
  expect(files.length).toBeGreaterThan(100)
  const lowered = files.filter((path) => ownLimit.test(readFileSync(join(root, path), 'utf8')))
  expect(lowered).toEqual([])
})

test.each([
  `test('a', async () => {\n  act()\n}, 20_000)\n`,
  `test.each(rows)(\n  'a',\n  () => {\n    act()\n  },\n  20_000,\n)\n`,
  `test('a', {\n  timeout: 5_000,\n}, act)\n`,
])('a limit of its own is seen in %j', (text) => {
  expect(ownLimit.test(text)).toBe(true)
})
