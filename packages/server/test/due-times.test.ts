// Deadlines that differ: each is told once, at its time, whatever is filed and taken out in between.

import { createFakeClock } from '@tidemark/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DueTimes } from '../src/session/due-times.ts'
import { dueAtOnceMax, wallClockLookMs } from '../src/limits.ts'

function openDueTimes() {
  const clock = createFakeClock()
  const told: { readonly item: number; readonly at: number }[] = []
  const dueTimes = new DueTimes<number>(clock, (item) => told.push({ item, at: clock.now() }))
  return { clock, told, dueTimes }
}

test('whatever is filed, moved and taken out, each item is told once and at its time', () => {
  const act = fc.oneof(
    fc.record({ do: fc.constant('add' as const), item: fc.nat(30), in: fc.nat(100_000) }),
    fc.record({ do: fc.constant('delete' as const), item: fc.nat(30) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.nat(30_000) }),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
      const { clock, told, dueTimes } = openDueTimes()
      const filed = new Map<number, number>()
      const expected: { readonly item: number; readonly at: number }[] = []
      const pass = (ms: number): void => {
        const due = [...filed].filter(([, at]) => at <= clock.now() + ms)
        for (const [item, at] of due) {
          filed.delete(item)
          expected.push({ item, at: Math.max(at, clock.now()) })
        }
        clock.advance(ms)
      }
      for (const one of acts) {
        if (one.do === 'pass') pass(one.ms)
        else if (one.do === 'delete') {
          filed.delete(one.item)
          dueTimes.delete(one.item)
        } else {
          filed.set(one.item, clock.now() + one.in)
          dueTimes.add(one.item, clock.now() + one.in)
        }
        expect(dueTimes.size).toBe(filed.size)
      }
      pass(200_000)
      const order = (a: { item: number; at: number }, b: typeof a): number =>
        a.at - b.at || a.item - b.item
      expect(told.toSorted(order)).toEqual(expected.toSorted(order))
      expect(told.map(({ at }) => at)).toEqual(told.map(({ at }) => at).toSorted((a, b) => a - b))
      expect(clock.pending).toBe(0)
    }),
    { numRuns: 500 },
  )
})

test('a clock that is set ahead makes nothing later than the next look at it, one that is set back nothing early', () => {
  const { clock, told, dueTimes } = openDueTimes()
  const noon = clock.now()
  dueTimes.add(1, noon + 3_600_000)
  clock.set(noon + 7_200_000)
  clock.advance(wallClockLookMs)
  expect(told.map(({ item }) => item)).toEqual([1])
  dueTimes.add(2, clock.now() + 1_000)
  clock.set(noon)
  clock.advance(3_600_000)
  expect(told.map(({ item }) => item)).toEqual([1])
})

test('what is already over is told next, and a year is no timer that overflows', () => {
  const { clock, told, dueTimes } = openDueTimes()
  dueTimes.add(1, clock.now() - 5)
  dueTimes.add(2, clock.now() + 366 * 86_400_000)
  clock.advance(0)
  expect(told.map(({ item }) => item)).toEqual([1])
  clock.advance(86_400_000)
  expect(told.map(({ item }) => item)).toEqual([1])
})

test('ten thousand that end at once leave the event loop a turn after each thousand', () => {
  const { clock, told, dueTimes } = openDueTimes()
  const dueAt = clock.now() + 1_000
  for (let item = 0; item < 10 * dueAtOnceMax; item++) dueTimes.add(item, dueAt)
  expect(clock.pending).toBe(1)
  clock.advance(999)
  expect(told).toHaveLength(0)
  let most = 0
  for (let turn = 0; turn < 10; turn++) {
    const before = told.length
    clock.advance(turn === 0 ? 1 : 0)
    most = Math.max(most, told.length - before)
  }
  expect(told).toHaveLength(10 * dueAtOnceMax)
  expect(clock.pending).toBe(0)
})
