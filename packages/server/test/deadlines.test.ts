// One timer for many things that are due equally late.

import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { Deadlines } from '../src/session/deadlines.ts'
import { dueAtOnceMax } from '../src/limits.ts'

function openDeadlines() {
  const clock = createFakeClock()
  const told: [item: string, at: number][] = []
  const onDue = (item: string): void => void told.push([item, clock.elapsed()])
  return { clock, told, deadlines: new Deadlines({ clock, delayMs: 1_000, lateMsMax: 100, onDue }) }
}

test('each item is told once, at most a grain late', () => {
  const { clock, told, deadlines } = openDeadlines()
  deadlines.add('first')
  clock.advance(30)
  deadlines.add('second')
  clock.advance(500)
  deadlines.add('third')
  clock.advance(5_000)
  expect(told).toEqual([
    ['first', 1_000],
    ['second', 1_100],
    ['third', 1_530],
  ])
  expect(deadlines.size).toBe(0)
})

test('what is taken out is not told, and what is added again waits the whole time again', () => {
  const { clock, told, deadlines } = openDeadlines()
  deadlines.add('gone')
  deadlines.add('again')
  clock.advance(900)
  deadlines.delete('gone')
  deadlines.add('again')
  clock.advance(900)
  expect(told).toEqual([])
  clock.advance(200)
  expect(told.map(([item]) => item)).toEqual(['again'])
})

test('a herd that is due at once is told in portions', () => {
  const { clock, told, deadlines } = openDeadlines()
  for (let i = 0; i < dueAtOnceMax + 1; i++) deadlines.add(String(i))
  clock.advance(1_000)
  expect(told).toHaveLength(dueAtOnceMax)
  clock.advance(1)
  expect(told).toHaveLength(dueAtOnceMax + 1)
})
