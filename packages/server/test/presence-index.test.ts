// Pages of the users of a topic, while users come and go.

import { parseTopic } from '@tidemark/log'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { changedNamesMax, presenceWaitersMax, presenceWholeMs } from '../src/presence/limits.ts'
import { PresenceIndex } from '../src/presence/presence-index.ts'
import { SortedNames } from '../src/presence/sorted-names.ts'
import { WholeWait } from '../src/presence/whole-wait.ts'
import { settle } from './support/settle.ts'

const topic = parseTopic('rooms/1')

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `user ${i}`)

test.each([
  ['few', 20],
  ['many', 3_000],
])('pages of %s users are in order and whole, whoever comes and goes between them', (_, count) => {
  const random = createRandom(11)
  const index = new PresenceIndex(() => undefined)
  const there = new Map<string, string>()
  let sessions = 0
  const come = (user: string): void => {
    const id = `node.${(sessions += 1)}`
    there.set(id, user)
    index.put({ id, user, topics: [topic], data: undefined })
  }
  for (const user of names(count)) come(user)
  for (let round = 0; round < 60; round++) {
    // Some rounds are more than are put in their places.
    const changes = round % 10 === 9 ? changedNamesMax * 2 : random.int(12)
    for (let i = 0; i < changes; i++) {
      const id = [...there.keys()][random.int(there.size)]
      if (random.int(2) === 0) come(`user ${random.int(count * 2)}`)
      else if (id !== undefined && there.delete(id)) index.drop(id)
    }
    const expected = [...new Set(there.values())].toSorted((a, b) => (a < b ? -1 : 1))
    const after = random.int(2) === 0 ? undefined : `user ${random.int(count * 2)}`
    const behind = expected.filter((user) => after === undefined || user > after)
    const { users, hasMore } = index.page(topic, after, 10)
    expect(users.map(({ user }) => user)).toEqual(behind.slice(0, 10))
    expect(hasMore).toBe(behind.length > 10)
  }
})

test('a page of many users looks at none of the others, also while some come and go', () => {
  const all = new Set(names(10_000))
  let listed = 0
  const sorted = new SortedNames(function* () {
    for (const name of all) {
      listed += 1
      yield name
    }
  })
  for (let i = 0; i < 1_000; i++) {
    sorted.changed(`new ${i}`, true)
    all.add(`new ${i}`)
    sorted.page(undefined, 100)
  }
  expect(listed).toBe(10_001)
  for (let i = 0; i <= changedNamesMax; i++) sorted.changed(`new ${i}`, false)
  sorted.page(undefined, 100)
  expect(listed).toBe(10_001 + all.size)
})

test('answers that wait for other nodes share one look, and one too many comes at once', async () => {
  const clock = createFakeClock()
  let looks = 0
  let isWhole = false
  const wait = new WholeWait(clock, () => {
    looks += 1
    return isWhole
  })
  let answered = 0
  const ask = (): void => void wait.wait().then(() => (answered += 1))
  for (let i = 0; i < presenceWaitersMax + 5; i++) ask()
  await settle()
  expect(answered).toBe(5)
  looks = 0
  clock.advance(presenceWholeMs / 2)
  expect(looks).toBe(5)
  isWhole = true
  clock.advance(presenceWholeMs / 2)
  await settle()
  expect(answered).toBe(presenceWaitersMax + 5)
  isWhole = false
  ask()
  clock.advance(presenceWholeMs)
  await settle()
  expect(answered).toBe(presenceWaitersMax + 6)
})
