// The clock and the randomness that other tests rely on.

import { expect, test } from 'vitest'

import { createFakeClock } from '../src/fake-clock.ts'
import { createRandom } from '../src/seeded-random.ts'

test('advancing runs every task at its own time, also those started on the way', () => {
  const clock = createFakeClock(1_000)
  const ran: string[] = []
  const note = (name: string) => () => ran.push(`${name}@${clock.now()}`)
  clock.after(20, note('late'))
  clock.after(10, () => {
    note('early')()
    clock.after(5, note('nested'))
  })
  clock.after(15, note('cancelled')).cancel()
  clock.after(31, note('never'))
  clock.advance(30)
  expect(ran).toEqual(['early@1010', 'nested@1015', 'late@1020'])
  expect(clock.now()).toBe(1_030)
})

test('setting the time of day moves no timer', () => {
  const clock = createFakeClock(1_000)
  let runs = 0
  clock.after(10, () => {
    runs += 1
  })
  clock.set(0)
  expect(clock.now()).toBe(0)
  clock.advance(9)
  expect(runs).toBe(0)
  clock.advance(1)
  expect(runs).toBe(1)
  expect(clock.now()).toBe(10)
})

test('a seed gives the same numbers, its neighbour others', () => {
  const first = (seed: number) => {
    const random = createRandom(seed)
    return Array.from({ length: 20 }, () => random.int(1_000))
  }
  expect(first(1)).toEqual(first(1))
  expect(first(1)).not.toEqual(first(2))
  expect(first(3).every((number) => number >= 0 && number <= 1_000)).toBe(true)
})

test('shuffling keeps every item', () => {
  const list = Array.from({ length: 100 }, (_, i) => i)
  const shuffled = createRandom(5).shuffle(list)
  expect(shuffled).not.toEqual(list)
  expect(shuffled.toSorted((a, b) => a - b)).toEqual(list)
})
