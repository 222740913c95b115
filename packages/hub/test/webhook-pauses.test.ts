// How long an endpoint is left alone after an attempt that came to nothing.

import { createFakeClock, createRandom } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { retryTimes } from '../src/webhooks/limits.ts'
import { Pauses } from '../src/webhooks/pauses.ts'

const open = (random: () => number) => {
  const clock = createFakeClock()
  return { clock, pauses: new Pauses({ clock, random, times: retryTimes }) }
}

test('pauses double up to five minutes, and a delivery begins them anew', () => {
  const { pauses } = open(() => 1)
  const lengths = Array.from({ length: 12 }, () => pauses.add('a', undefined))
  expect(lengths.slice(0, 10)).toEqual([
    1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000,
  ])
  expect(lengths.at(-1)).toBe(300_000)
  pauses.end('a')
  expect(pauses.add('a', undefined)).toBe(1_000)
})

test('half of a pause is by chance, so that endpoints that failed together are not asked together', () => {
  const random = createRandom(5)
  const { pauses } = open(random.next)
  const lengths = Array.from({ length: 200 }, () => {
    pauses.end('a')
    return pauses.add('a', undefined)
  })
  expect(Math.min(...lengths)).toBeGreaterThanOrEqual(500)
  expect(Math.max(...lengths)).toBeLessThanOrEqual(1_000)
  expect(new Set(lengths).size).toBeGreaterThan(190)
})

test('an endpoint is left alone for as long as it asks, up to five minutes', () => {
  const { pauses } = open(() => 0)
  expect(pauses.add('a', 60_000)).toBe(60_000)
  expect(pauses.add('b', 86_400_000)).toBe(300_000)
  expect(pauses.add('c', 0)).toBe(500)
})

test('a topic waits by itself, and is due when its pause is over', () => {
  const { clock, pauses } = open(() => 1)
  pauses.add('a', undefined)
  pauses.add('b', 5_000)
  expect(['a', 'b', 'c'].map((topic) => pauses.isPaused(topic))).toEqual([true, true, false])
  expect(pauses.waitMs(['b', 'a'])).toBe(1_000)
  expect(pauses.waitMs(['c'])).toBeUndefined()
  clock.advance(1_000)
  expect(['a', 'b'].map((topic) => pauses.isPaused(topic))).toEqual([false, true])
  expect(pauses.failures('a')).toBe(1)
  pauses.keepOnly(new Set(['b']))
  expect(pauses.failures('a')).toBe(0)
  expect(pauses.failures('b')).toBe(1)
})
