// The supervising process's knowledge of the log, and the reports from which it comes.

import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { seenPauseMs } from '../src/limits.ts'
import { KnownLog } from '../src/workers/known-log.ts'
import { CommitReporter } from '../src/workers/commit-reporter.ts'

const seen = (epoch: string, transaction: number) => ({ epoch, transaction })

test('a worker that comes later is told the newest that any of the others has seen', () => {
  const log = new KnownLog()
  expect([log.place, log.seen]).toEqual([undefined, undefined])
  log.opened({ place: '1:2', seen: seen('a', 5) })
  log.opened({ place: '1:2', seen: seen('a', 6) })
  for (const transaction of [9, 7, 12, 11]) log.note(seen('a', transaction))
  log.note(undefined)
  expect(log).toMatchObject({ place: '1:2', seen: seen('a', 12) })
})

test('once a worker has begun an epoch, one that is left from before does not say what is known', () => {
  const log = new KnownLog()
  log.opened({ place: '1:2', seen: seen('a', 100) })
  log.opened({ place: '1:2', seen: seen('b', 51) })
  log.note(seen('a', 101))
  log.note(seen('b', 52))
  expect(log.seen).toEqual(seen('b', 52))
})

test('a worker tells what it has stored at once, and of a thousand commits in a moment the first and the last', () => {
  const clock = createFakeClock()
  const told: number[] = []
  const reporter = new CommitReporter(clock, ({ transaction }) => told.push(transaction))
  for (let transaction = 1; transaction <= 1_000; transaction++)
    reporter.note(seen('a', transaction))
  expect(told).toEqual([1])
  clock.advance(seenPauseMs)
  expect(told).toEqual([1, 1_000])
  clock.advance(10 * seenPauseMs)
  reporter.note(seen('a', 1_001))
  expect(told).toEqual([1, 1_000, 1_001])
})
