// Topics without records: how many are known by name, and that forgetting one never hides a loss.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseTopic, parseTopicSet } from '@tidemark/log'
import type { NewEvent, Position } from '@tidemark/log'
import { checkLog } from '../src/index.ts'
import type { LmdbEventLog } from '../src/index.ts'
import { readData } from './damaged-log.ts'
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

test('a name that a flipped bit has changed among the topics without records is damage, not a wrong count later', async () => {
  await open(400_000)
  for (let i = 0; i < 3; i++) await appendEach(`gone/${i}`, 600)
  await log.sweep()
  await log.close()
  const data = readData(directory)
  const name = Buffer.from('gone/0/0/'.padEnd(30, 't'))
  let told = 0
  for (let at = data.indexOf(name); at >= 0; at = data.indexOf(name, at + 1)) {
    const flipped = Buffer.from(data)
    flipped.writeUInt8(flipped.readUInt8(at + 28) ^ 1, at + 28)
    writeFileSync(join(directory, 'data.mdb'), flipped)
    if ((await checkLog({ path: directory })).damage !== undefined) {
      told += 1
      continue
    }
    // It is in a page that is not used any more.
    await open(400_000)
    for (let i = 3; i < 10; i++) await appendEach(`gone/${i}`, 600)
    await log.sweep()
    await log.close()
    expect((await checkLog({ path: directory })).damage).toBeUndefined()
  }
  // In `topics`, `marks` and `empty`.
  expect(told).toBeGreaterThanOrEqual(3)
  writeFileSync(join(directory, 'data.mdb'), data)
  await open(400_000)
})

test('a topic that is emptied by the batch that fills it is still known by its newest mark', async () => {
  await open(400_000)
  // More than all the log may keep, so that the first of them go at once; again, when they are
  // without records.
  for (let i = 0; i < 3; i++) await appendEach('same', 1_500)
  for (let i = 0; i < 30; i++) {
    await appendEach(`other/${i}`, 100)
    expect((await checkLog({ path: directory })).damage).toBeUndefined()
  }
})
