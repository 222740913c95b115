// Ids of sessions: every character of every place comes up, and none more often than others.

import { createRandom } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { makeRequestId, makeSessionId, systemRandom } from '../src/random.ts'

test.each([
  ['a seeded one', createRandom(5).next],
  ['the one of the platform', systemRandom],
])('by %s each place of an id takes each of 64 characters about equally often', (_, random) => {
  const count = 64 * 200
  const places = Array.from({ length: 22 }, () => new Map<string, number>())
  for (let i = 0; i < count; i++)
    for (const [at, character] of makeRequestId(random).split('').entries())
      places[at]?.set(character, (places[at].get(character) ?? 0) + 1)
  for (const characters of places) {
    expect(characters.size).toBe(64)
    expect(Math.max(...characters.values())).toBeLessThan(300)
    expect(Math.min(...characters.values())).toBeGreaterThan(110)
  }
})

test('ids of nodes with names of any length stand behind their name, and none comes twice', () => {
  const ids = ['a', 'a-much-longer-name', 'b2'].flatMap((name) =>
    Array.from({ length: 1_000 }, () => makeSessionId(name, systemRandom)),
  )
  expect(new Set(ids).size).toBe(3_000)
  for (const id of ids) expect(id).toMatch(/^(?:a|a-much-longer-name|b2)\.[0-9A-Za-z_-]{22}$/)
})
