// A copy over the data of a hub whose workers come and go: what a worker does that is told what the
// others have seen.

import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { cp, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { formatCursor, parseTopic, parseTopicSet } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { LmdbEventLog, SeenCommit } from '../src/index.ts'
import { copyQuietMs } from '../src/limits.ts'
import { NewestState } from '../src/lmdb-files/newest-state.ts'
import { openAt } from './lmdb-harness.ts'
import { makePlaces } from './make-places.ts'
import { putOver } from './put-over.ts'

const topic = parseTopic('a')
const topics = parseTopicSet(['a'])
const lost = { code: 'LOG_DIRECTORY_LOST' }
const everything = ['data.mdb', 'lock.mdb', 'wake']

let data = ''
let backup = ''

beforeEach(async () => {
  const places = await makePlaces()
  data = places.data
  backup = places.backup
})

async function appendSome(log: LmdbEventLog, name: string, count: number): Promise<Position> {
  let last: Position | undefined
  for (let i = 1; i <= count; i++) {
    const [position] = await log.append({ events: [{ topic, data: `${name}${i}` }] })
    last = position
  }
  if (last === undefined) throw new Error('The log gave no position.')
  return last
}

async function readAfter(log: LmdbEventLog, after: Position) {
  const { head: upTo } = await log.bounds()
  const { records, lost: gap } = await log.read({ topics, after, upTo, limit: 100 })
  return { data: records.map((record) => record.data), reason: gap?.reason }
}

interface Scene {
  readonly log: LmdbEventLog
  readonly seen: SeenCommit
  /** Of the last event that the copy does not have. */
  readonly cursor: Position
}

/** A log that does not look by itself, and a copy of its directory from before its last events. */
async function prepare(): Promise<Scene> {
  const log = await openAt(data, { clock: createFakeClock() })
  await appendSome(log, 'kept', 5)
  await cp(data, backup, { recursive: true })
  const cursor = await appendSome(log, 'lost', 5)
  return { log, seen: log.seen, cursor }
}

describe('a handle that knows what was seen', () => {
  test('does not go on from an older copy of everything, wake file included, that another one holds', async () => {
    const { log, seen } = await prepare()
    putOver(backup, data, everything)
    await expect(openAt(data, { place: log.place, seen })).rejects.toMatchObject({
      ...lost,
      message: expect.stringMatching(/older copy .*Stop every process/),
    })
    await log.close()
  })

  test('begins an epoch in an older copy that nobody holds any more, and says so', async () => {
    const { log, seen, cursor } = await prepare()
    const { place } = log
    await log.close()
    putOver(backup, data, everything)
    const warnings: string[] = []
    const onWarning = (text: string): number => warnings.push(text)
    const after = await openAt(data, { place, seen, onWarning })
    expect(warnings).toEqual([expect.stringMatching(/older copy.*Stop the hub before a restore/)])
    expect(after.seen.epoch).not.toBe(seen.epoch)
    await appendSome(after, 'since', 8)
    expect(await readAfter(after, cursor)).toEqual({
      data: ['since1', 'since2', 'since3', 'since4', 'since5', 'since6', 'since7', 'since8'],
      reason: 'epoch',
    })
    // One that knows only of the old epoch joins the new one.
    const beside = await openAt(data, { place, seen })
    expect(beside.seen.epoch).toBe(after.seen.epoch)
    await beside.close()
    await after.close()
  })

  test('does not write in a copy that is still being made', async () => {
    const { log, seen } = await prepare()
    const { place } = log
    await log.close()
    putOver(backup, data, everything)
    const clock = createFakeClock()
    let isOpen = false
    const opening = openAt(data, { place, seen, clock, onWarning: () => {} }).then((opened) => {
      isOpen = true
      return opened
    })
    for (let second = 1; second <= 5; second++) {
      await utimes(join(data, 'data.mdb'), second, second)
      clock.advance(copyQuietMs)
      await settle()
    }
    expect(isOpen).toBe(false)
    clock.advance(copyQuietMs)
    const after = await opening
    await appendSome(after, 'since', 1)
    await after.close()
  })

  test('takes no empty file for a new log while it is being copied over', async () => {
    const { log, seen } = await prepare()
    const { place } = log
    await log.close()
    writeFileSync(join(data, 'wake'), '')
    writeFileSync(join(data, 'data.mdb'), '')
    const clock = createFakeClock()
    const opening = openAt(data, { place, seen, clock, onWarning: () => {} })
    await settle()
    putOver(backup, data, everything)
    for (let i = 0; i < 2; i++) {
      clock.advance(copyQuietMs)
      await settle()
    }
    const after = await opening
    const { first } = await after.bounds()
    expect((await readAfter(after, first)).data).toHaveLength(5)
    await after.close()
  })

  test('looks through an older copy although the hub goes on, and finds that it is damaged', async () => {
    const { log, seen } = await prepare()
    const { place } = log
    await log.close()
    putOver(backup, data, everything)
    const path = join(data, 'data.mdb')
    const bytes = readFileSync(path)
    for (let at = bytes.indexOf('kept3'); at >= 0; at = bytes.indexOf('kept3', at)) bytes[at] = 0
    writeFileSync(path, bytes)
    const opening = openAt(data, { place, seen, onWarning: () => {} })
    await expect(opening).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
  })

  test('goes on in data that is as new', async () => {
    const { log, seen, cursor } = await prepare()
    const beside = await openAt(data, { place: log.place, seen })
    expect(beside.seen.epoch).toBe(seen.epoch)
    expect((await readAfter(beside, cursor)).reason).toBeUndefined()
    await beside.close()
    await log.close()
  })
})

test('a handle tells what it has committed, and why it stores nothing any more', async () => {
  const told: SeenCommit[] = []
  const clock = createFakeClock()
  const onWarning = (): void => undefined
  const log = await openAt(data, { clock, onWarning, onSeen: (seen) => told.push(seen) })
  await appendSome(log, 'kept', 2)
  await cp(data, backup, { recursive: true })
  await appendSome(log, 'lost', 2)
  await settle()
  expect(told.map(({ transaction }) => transaction)).toEqual(
    [3, 2, 1, 0].map((before) => log.seen.transaction - before),
  )
  expect(log.fault).toBeUndefined()
  putOver(backup, data, everything)
  clock.advance(1_000)
  expect(log.fault).toMatchObject(lost)
  await log.close()
})

test('a transaction that is committed into a copy does not make the copy look like the newest state', () => {
  const write = (even: number, odd: number): void => {
    const bytes = Buffer.alloc(8_192)
    bytes.writeUInt32LE(4_096, 48)
    bytes.writeBigUInt64LE(BigInt(even), 152)
    bytes.writeBigUInt64LE(BigInt(odd), 4_096 + 152)
    writeFileSync(join(data, 'data.mdb'), bytes)
  }
  writeFileSync(join(data, 'lock.mdb'), Buffer.alloc(64))
  write(100, 99)
  const newest = new NewestState(data)
  newest.check()
  expect(newest.isOlder).toBe(false)
  write(50, 101)
  newest.check()
  expect(newest.isOlder).toBe(true)
  newest.close()
})

test('a log that the opening of another process has set back for a moment is not taken for lost', async () => {
  await (await openAt(data)).close()
  const warnings: string[] = []
  const log = await openAt(data, { onWarning: (text) => warnings.push(text) })
  // The transaction that is forgotten is the one in which this handle began its epoch.
  const lock = openSync(join(data, 'lock.mdb'), 'r+')
  const word = Buffer.alloc(8)
  word.writeBigUInt64LE(BigInt(log.seen.transaction - 1))
  writeSync(lock, word, 0, 8, 8)
  await log.bounds()
  const [position] = await log.append({ events: [{ topic, data: 'stored' }] })
  expect(position && formatCursor(position)).toContain(log.seen.epoch)
  expect(warnings).toEqual([])
  await log.close()
  closeSync(lock)
})

/** Lets everything happen that is waiting for no clock. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}
