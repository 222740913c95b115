// The page of limits, the limits in the code and the tests that fill their products say the same.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aloneLimits } from '../limits/alone-limits.ts'
import { runsTest } from '../limits/find-test.ts'
import {
  createLook,
  formatBytes,
  limitReferencePath,
  productSections,
  renderLimits,
} from '../limits/limit-reference.ts'
import { readLimits } from '../limits/read-limits.ts'
import { readRooms, rootFolder } from '../read-rooms.ts'

const limits = await readLimits()
const products = productSections.flatMap((section) => section.products)
const alone = Object.values(aloneLimits).flat()

test('every limit takes part in a product, or is named as one that stands alone', () => {
  const named = new Set([...products.flatMap((product) => product.limits), ...alone])
  expect([...limits.keys()].filter((name) => !named.has(name))).toEqual([])
  expect([...named].filter((name) => !limits.has(name))).toEqual([])
})

test('no limit is said to stand alone that takes part in a product', () => {
  const multiplied = new Set(products.flatMap((product) => product.limits))
  expect(alone.filter((name) => multiplied.has(name))).toEqual([])
  expect(new Set(alone).size).toBe(alone.length)
})

test('every published room with limits is read', () => {
  const files = readRooms()
    .filter(({ manifest }) => manifest.private !== true)
    .flatMap(({ name, files: sources }) =>
      sources
        .filter(({ path }) => /(?:^|\/)limits\.ts$/.test(path))
        .map(({ path }) => `${name}/${path}`),
    )
  const read = new Set([...limits.keys()].map((name) => name.split('.', 1)[0]))
  expect(read.size).toBe(files.length)
})

test('the page says what the code computes (else: npm run docs)', () => {
  expect(readFileSync(limitReferencePath, 'utf8')).toBe(renderLimits(limits))
})

test('every product names a test that fills it, and the test is there', () => {
  const missing = products
    .filter(({ filledBy: { file, name } }) => {
      const path = join(rootFolder, file)
      return !existsSync(path) || !runsTest(readFileSync(path, 'utf8'), name)
    })
    .map(({ what, filledBy }) => `${what}: ${filledBy.file}: ${filledBy.name}`)
  expect(missing).toEqual([])
})

test.each([
  ["test('a b', () => {})", true],
  ["test(\n  'a b',\n  async () => {})", true],
  ["test.each([[1]])('a b', () => {})", true],
  ["describe('x', () => {\n  test.for([\n    1,\n  ])(\n    'a b',\n    () => {})\n})", true],
  ["test('a b and more', () => {})", false],
  ["// test('a b', () => {})", false],
  ["/*\ntest('a b', () => {})\n*/", false],
  ["test.skip('a b', () => {})", false],
  ["test.skip.each([[1]])('a b', () => {})", false],
  ["describe.skip('x', () => { test('a b', () => {}) })", false],
  ["test.skipIf(true)('a b', () => {})", false],
  ["test.todo('a b')", false],
  ["test('other', () => { say('a b', 1) })", false],
])(
  'a test that is skipped, commented out or only mentioned fills no product: %s',
  (source, isRun) => {
    expect(runsTest(source, 'a b')).toBe(isRun)
  },
)

test('no worst case is above what the factors alone would be, and none above 2 GiB but those that say so', () => {
  const look = createLook(limits)
  const above: string[] = []
  for (const { what, factors, worstCase } of products) {
    const worst = worstCase(look)
    if (factors !== undefined) expect(worst, what).toBeLessThanOrEqual(factors(look))
    if (worst > 2 * 1024 ** 3) above.push(`${what}: ${formatBytes(worst)}`)
  }
  // The most an operator may start: 64 workers.
  expect(above).toEqual(['workers × what each holds by itself: 3.8 GiB'])
})
