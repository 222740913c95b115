// Stats of several nodes are one sum, whatever the order in which they are added up.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addStats, emptyStats, serverErrors } from '../src/index.ts'
import type { NodeStats } from '../src/index.ts'

const count = fc.nat({ max: 2 ** 40 })
const codes = fc.dictionary(fc.constantFrom(...Object.keys(serverErrors)), count)

/** All names of a group, each with some count. */
function someCounts(group: object): fc.Arbitrary<Record<string, number>> {
  return fc.record(Object.fromEntries(Object.keys(group).map((name) => [name, count])))
}

const someStats = fc.record({
  ...Object.fromEntries(
    Object.entries(emptyStats).map(([name, group]) => [name, someCounts(group as object)]),
  ),
  refused: codes,
  failed: codes,
}) as unknown as fc.Arbitrary<NodeStats>

test('stats add up in any order and any grouping, also behind JSON', () => {
  fc.assert(
    fc.property(someStats, someStats, someStats, (a, b, c) => {
      const left = addStats(addStats(a, b), c)
      expect(addStats(a, addStats(b, c))).toEqual(left)
      expect(addStats(c, addStats(b, a))).toEqual(left)
      expect(JSON.parse(JSON.stringify(left))).toEqual(left)
    }),
  )
})

test('the stats of no node change nothing, and are not changed', () => {
  const before = structuredClone(emptyStats)
  fc.assert(
    fc.property(someStats, (stats) => {
      expect(addStats(stats, emptyStats)).toEqual(stats)
      expect(addStats(emptyStats, stats)).toEqual(stats)
    }),
  )
  expect(emptyStats).toEqual(before)
})

test('a sum counts each number of both, and codes that only one of them knows', () => {
  const one = { ...emptyStats, refused: { FULL: 2 }, failed: { INTERNAL: 1 } }
  const other = { ...emptyStats, refused: { FULL: 1, DRAINING: 4 } }
  const sum = addStats(one, other)
  expect(sum.refused).toEqual({ FULL: 3, DRAINING: 4 })
  expect(sum.failed).toEqual({ INTERNAL: 1 })
})

test('a name that JSON may bring and no object should get is a name like others', () => {
  const hostile = JSON.parse('{"__proto__": 7}') as Record<string, number>
  const sum = addStats({ ...emptyStats, refused: hostile }, emptyStats)
  expect(Object.entries(sum.refused)).toEqual([['__proto__', 7]])
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})
