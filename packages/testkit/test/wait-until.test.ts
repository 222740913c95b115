// Limits that follow progress: a crowded machine must not fail a test, and a test that hangs must still end.

import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { readCrowding } from '../src/proc/crowding.ts'
import { Stall } from '../src/stall.ts'
import { waitForCount, waitUntil, withinProgress } from '../src/wait-until.ts'

/** Looks twenty milliseconds apart, for so long; answers what came of it. */
function lookFor(
  ms: number,
  options: { crowding?: number; watch?: () => number; everyMs?: number } = {},
): string {
  const { crowding = 1, watch, everyMs = 20 } = options
  const clock = createFakeClock()
  const stall = new Stall({ watch, stallMs: 15_000 }, { clock, crowding: () => crowding })
  try {
    for (let passed = 0; passed < ms; passed += everyMs) {
      clock.advance(everyMs)
      stall.look('a dead worker is replaced')
    }
    return 'waits on'
  } catch (error) {
    return String(error)
  }
}

test('a wait on a machine with eight times the work has eight times the time', () => {
  expect(lookFor(14_000)).toBe('waits on')
  expect(lookFor(16_000)).toContain('nothing has moved for 15000 ms of a machine of its own')
  expect(lookFor(8 * 14_000, { crowding: 8 })).toBe('waits on')
  expect(lookFor(8 * 16_000, { crowding: 8 })).toContain('in vain until a dead worker is replaced')
})

test('a wait ends in vain when what it watches stands still, however long that has moved before', () => {
  let looks = 0
  expect(lookFor(600_000, { watch: () => Math.floor(looks++ / 700) })).toBe('waits on')
  looks = 0
  const told = lookFor(600_000, { watch: () => Math.min(7, Math.floor(looks++ / 700)) })
  expect(told).toMatch(/the wait took \d+ ms by the clock; seen last: 7\.$/)
})

test('a process that stood still for an hour between two looks has not waited', () => {
  expect(lookFor(10 * 3_600_000, { everyMs: 3_600_000 })).toBe('waits on')
})

test.each([
  ['2.12 3.52 7.02 1/131 12737', 2, 1],
  ['9.00 3.52 7.02 16/131 12737', 2, 8],
  ['9.00 3.52 7.02 900/1310 12737', 2, 16],
  ['', 2, 1],
])('the load %j on %i processors counts as %d times the work', (text, processors, crowding) => {
  expect(readCrowding(text, processors)).toBe(crowding)
})

test('what is waited for ends the wait, and what is thrown meanwhile ends it too', async () => {
  let count = 0
  await waitForCount('they come', () => count++, 3)
  expect(count).toBeGreaterThan(3)
  const broken = waitUntil('it comes', () => Promise.reject(new Error('gone')))
  await expect(broken).rejects.toThrow('gone')
})

test('work that stands still is told with what was seen last, and work that ends is handed on', async () => {
  const stuck = new Promise<never>(() => undefined)
  const guarded = withinProgress('all is played', stuck, { watch: () => 42, stallMs: 1 })
  await expect(guarded).rejects.toThrow(/until all is played: .* seen last: 42\./)
  expect(await withinProgress('it is done', Promise.resolve('done'), {})).toBe('done')
  const failing = withinProgress('it fails', Promise.reject(new Error('lost')), {})
  await expect(failing).rejects.toThrow('lost')
})
