// Topics without records: how many are known by name, and that forgetting one never hides a loss.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseTopic, parseTopicSet } from '@tidemark/log'
import type { NewEvent, Position } from '@tidemark/log'
import type { LmdbEventLog } from '../src/index.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

let directory = ''
let log: LmdbEventLog
let start: Position

beforeEach(async () => {
  directory = await makeDirectory()
})

afterEach(async () => {
  await log.close()
  await removeDirectory(directory)
})

async function open(maxBytes: number): Promise<void> {
  log = await openAt(directory, { durability: 'commit', retention: { maxBytes } })
}

/** One event in each of so many topics of 30 characters. */
function appendEach(prefix: string, count: number): Promise<readonly Position[]> {
  const events: NewEvent[] = Array.from({ length: count }, (_, i) => ({
    topic: parseTopic(`${prefix}/${i}/`.padEnd(30, 't')),
    data: 'x'.repeat(170),
  }))
  return log.append({ events })
}

async function lossOf(name: string, after: Position): Promise<string | undefined> {
  const topics = parseTopicSet([name])
  const { head: upTo } = await log.bounds()
  return (await log.read({ topics, after, upTo, limit: 1 })).lost?.reason
}

test('a thousand emptied topics of a small log are told of exactly', async () => {
  await open(400_000)
  start = (await log.bounds()).head
  // 400 bytes each: 1,000 records are retained.
  await appendEach('gone', 900)
  await appendEach('kept', 1_000)
  await log.sweep()
  expect(await lossOf('gone/0/'.padEnd(30, 't'), start)).toBe('retention')
  expect(await lossOf('quiet', start)).toBeUndefined()
})

test('topics that a small log has forgotten are told as lost, and those that come back know what they lost', async () => {
  await open(400_000)
  start = (await log.bounds()).head
  for (let i = 0; i < 5; i++) await appendEach(`gone/${i}`, 2_000)
  const first = 'gone/0/0/'.padEnd(30, 't')
  expect(await lossOf(first, start)).toBe('retention')
  // The common mark belongs to no topic: behind it every topic may have lost something.
  expect(await lossOf('quiet', start)).toBe('retention')
  await log.append({ events: [{ topic: parseTopic(first), data: 'again' }] })
  expect(await lossOf(first, start)).toBe('retention')
})

test('a log whose limit has become smaller forgets topics a bounded number at a time, and hides no loss meanwhile', async () => {
  await open(4_000_000)
  start = (await log.bounds()).head
  for (let i = 0; i < 6; i++) await appendEach(`gone/${i}`, 2_000)
  await log.sweep()
  await log.close()
  await open(400_000)
  const early = 'gone/0/7/'.padEnd(30, 't')
  for (let i = 0; i < 40; i++) {
    await appendEach(`new/${i}`, 10)
    expect(await lossOf(early, start)).toBe('retention')
  }
  await log.sweep()
  expect(await lossOf(early, start)).toBe('retention')
})
