// Whether all clients of a hub can wait at one time.

import { expect, test } from 'vitest'
import { describeQueue } from '../src/workers/accept-queue.ts'

const big = { maxSessions: 110_000, workers: 6 }
const small = { maxSessions: 10_000, workers: 4 }

test('an operator of a big hub is told that a wave of all its clients is longer than the queue of the kernel', () => {
  expect(describeQueue(big, { queueMax: 4_096, handoversMax: 19_876 })).toBe(
    "When all of --max-sessions 110000 come at once, as after a restart, 23972 of them can wait at one time; the others' systems try again ever later. Raise the kernel's queue (sysctl -w net.core.somaxconn=65535; it is 4096) to have them served without a pause.",
  )
})

test('nothing is said when all can wait, or when the queue is as long as the hub asks for', () => {
  expect(describeQueue(small, { queueMax: 4_096, handoversMax: 32_768 })).toBe(undefined)
  expect(describeQueue(big, { queueMax: 65_535, handoversMax: 19_876 })).toBe(undefined)
})
