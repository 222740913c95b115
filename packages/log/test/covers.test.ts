// A grant of patterns, held against every topic of a small world, and examples.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { covers } from '../src/covers.ts'
import { patternSegmentsMax } from '../src/limits.ts'
import { hasWildcard, matchesPattern, parsePattern, parseTopic } from '../src/topic.ts'
import type { Pattern, Topic } from '../src/topic.ts'
import { parseTopicSet } from '../src/topic-set.ts'

/** `z` and `$z` stand in no name that is asked or granted: what only a wildcard reaches. */
const letters = ['a', 'b', 'z', '$a', '$z']
const depthMax = 3

/** Every topic of the world; one level deeper than the names, so that `**` shows. */
const world: readonly Topic[] = listTopics(depthMax + 1)

function listTopics(depth: number): Topic[] {
  if (depth === 0) return []
  const shorter = listTopics(depth - 1)
  const longest = shorter.filter((topic) => topic.split('/').length === depth - 1)
  const roots =
    depth === 1 ? letters : longest.flatMap((topic) => letters.map((l) => `${topic}/${l}`))
  return [...shorter, ...roots.map(parseTopic)]
}

const segment = fc.constantFrom('a', 'b', '$a', '*')
const name = fc
  .tuple(
    fc.array(segment, { minLength: 0, maxLength: depthMax - 1 }),
    fc.constantFrom('a', '*', '**'),
  )
  .map(([segments, last]) => [...segments, last].join('/'))

function matches(name: string, topic: Topic): boolean {
  return hasWildcard(name) ? matchesPattern(parsePattern(name), topic) : name === topic
}

test('what is asked is covered exactly if one granted name matches every topic that it matches', () => {
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), name, (granted, asked) => {
      const wanted = world.filter((topic) => matches(asked, topic))
      const isCovered = granted.some((one) => wanted.every((topic) => matches(one, topic)))
      expect(covers(parseTopicSet(granted), asked as Topic | Pattern)).toBe(isCovered)
    }),
    { numRuns: 1_000 },
  )
})

test.each<[granted: string, asked: string, isCovered: boolean]>([
  ['orders/**', 'orders/*', true],
  ['orders/**', 'orders/*/items/**', true],
  ['orders/**', 'orders', false],
  ['orders/*', 'orders/**', false],
  ['orders/*', 'orders/*/items', false],
  ['orders/42', 'orders/*', false],
  ['**', '**', true],
  ['**', '$hub/probe', false],
  ['**', '$hub/**', false],
  ['*/*', '$hub/*', false],
  ['$hub/**', '$hub/*', true],
  ['*/**', '**', false],
])('%s covers %s: %s', (granted, asked, isCovered) => {
  expect(covers(parseTopicSet([granted]), asked as Topic | Pattern)).toBe(isCovered)
})

test('a grant of as many patterns as there may be does not make a long list of others dear', () => {
  const depth = 8
  const count = Math.floor(patternSegmentsMax / depth)
  const names = (last: string): string[] =>
    Array.from({ length: count }, (_, i) =>
      [
        ...Array.from({ length: depth - 1 }, (_none, at) => ((i >> at) & 1 ? '*' : 'a')),
        last + i,
      ].join('/'),
    )
  const granted = parseTopicSet(names('granted'))
  const before = process.cpuUsage()
  for (const asked of names('asked')) expect(covers(granted, asked as Pattern)).toBe(false)
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(1_000)
})
