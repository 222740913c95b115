// Tails that are behind get records that retention has removed. These records do not stay.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { formatCursor, parseTopicSet } from '@tidemark/log'
import type { EventRecord, Position } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { openTables } from '../src/open/open-environment.ts'
import { openRoot } from '../src/tables/schema.ts'
import { NewestState } from '../src/lmdb-files/newest-state.ts'
import { readState } from '../src/tables/log-state.ts'
import type { LmdbEventLog } from '../src/index.ts'
import { removedKeptMs } from '../src/limits.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

let directory = ''

beforeEach(async () => {
  directory = await makeDirectory()
})

afterEach(async () => {
  await removeDirectory(directory)
})

async function publish(log: LmdbEventLog, data: string): Promise<Position> {
  const [topic] = parseTopicSet(['hot']).topics
  if (topic === undefined) throw new Error('The set lost its topic.')
  const [position] = await log.append({ events: [{ topic, data }] })
  if (position === undefined) throw new Error('The append gave no position.')
  return position
}

/** Resolves with what a tail from `after` is told first. */
function firstOf(log: LmdbEventLog, after: Position): Promise<readonly EventRecord[] | Position> {
  return new Promise((resolve) => {
    const tail = log.tail(after, {
      records(records) {
        tail.close()
        resolve(records)
      },
      overtaken(to) {
        tail.close()
        resolve(to)
      },
    })
  })
}

test('a tail behind what was just removed gets it, one that stood still for longer is told, and nothing is kept', async () => {
  const clock = createFakeClock()
  const log = await openAt(directory, {
    clock,
    retention: { rules: [{ pattern: 'hot', maxEvents: 1 }] },
  })
  const { head: start } = await log.bounds()
  await publish(log, '1')
  const second = await publish(log, '2')
  await publish(log, '3')
  await log.sweep()
  const early = await firstOf(log, start)
  expect(early).toMatchObject([{ data: '1' }, { data: '2' }, { data: '3' }])
  clock.advance(removedKeptMs)
  await log.sweep()
  const late = await firstOf(log, start)
  expect(Array.isArray(late) ? late : formatCursor(late as Position)).toBe(formatCursor(second))
  expect(await firstOf(log, second)).toMatchObject([{ data: '3' }])
  await log.close()
  const root = openRoot(directory, undefined)
  const tables = await openTables({ root, newest: new NewestState(directory) })
  expect(tables.removed.getKeysCount()).toBe(0)
  expect(readState(tables)).toMatchObject({ removedBytes: 0, count: 1 })
  await root.close()
  tables.newest.close()
})
