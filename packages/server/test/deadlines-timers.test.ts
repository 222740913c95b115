// One timer for all of them, also when an item is filed again while it is told.

import { createFakeClock } from '@tidemark/testkit'
import type { Clock } from '@tidemark/log'
import { expect, test } from 'vitest'
import { Deadlines } from '../src/session/deadlines.ts'

/** A clock that counts the timers that are running. */
function countTimers(clock: Clock): { readonly clock: Clock; readonly running: () => number } {
  const open = new Set<object>()
  return {
    running: () => open.size,
    clock: {
      now: () => clock.now(),
      elapsed: () => clock.elapsed(),
      after(delayMs, task) {
        const timer = clock.after(delayMs, () => {
          open.delete(timer)
          task()
        })
        open.add(timer)
        return {
          cancel() {
            open.delete(timer)
            timer.cancel()
          },
        }
      },
    },
  }
}

test.each([1, 50])('a beat of %i sessions needs one timer, however long they beat', (sessions) => {
  const fake = createFakeClock()
  const { clock, running } = countTimers(fake)
  const beats: Deadlines<number> = new Deadlines<number>({
    clock,
    delayMs: 15_000,
    lateMsMax: 15_000 / 16,
    onDue: (item) => beats.add(item),
  })
  const counts: number[] = []
  for (let i = 0; i < sessions; i++) {
    beats.add(i)
    fake.advance(300)
  }
  for (let beat = 0; beat < 20; beat++) {
    fake.advance(15_000)
    counts.push(running())
  }
  expect(Math.max(...counts)).toBe(1)
})

test('nothing runs on after stop', () => {
  const fake = createFakeClock()
  const { clock, running } = countTimers(fake)
  let told = 0
  const beats: Deadlines<number> = new Deadlines<number>({
    clock,
    delayMs: 1_000,
    lateMsMax: 100,
    onDue: (item) => {
      told += 1
      beats.add(item)
    },
  })
  beats.add(1)
  fake.advance(3_000)
  beats.stop()
  const before = told
  expect(running()).toBe(0)
  fake.advance(10_000)
  expect(told).toBe(before)
})
