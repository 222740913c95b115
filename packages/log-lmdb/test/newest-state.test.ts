// Another process's open can change LMDB's lock file: it names an older transaction as the newest.

import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { formatCursor, parseTopic, parseTopicSet, systemClock } from '@tidemark/log'
import { HeldFiles } from '../src/history/held-files.ts'
import type { LmdbEventLog } from '../src/index.ts'
import { staleBeginsMax } from '../src/limits.ts'
import { NewestState } from '../src/lmdb-files/newest-state.ts'
import { openEnvironment, openTables } from '../src/open/open-environment.ts'
import type { Tables } from '../src/tables/schema.ts'
import { Writer } from '../src/append/writer.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const topic = parseTopic('a')
const topics = parseTopicSet(['a'])
/** Where the lock file holds the id of the newest transaction. */
const newestAt = 8

let directory = ''
let lock = 0

beforeEach(async () => {
  directory = await makeDirectory()
})

afterEach(async () => {
  // Not before the log is closed: closing a descriptor drops the locks that LMDB has on the file.
  closeSync(lock)
  await removeDirectory(directory)
})

/** Stores what an open that has read the data file one commit ago would store. */
function forgetNewestCommit(): void {
  lock = openSync(join(directory, 'lock.mdb'), 'r+')
  const word = Buffer.alloc(8)
  readSync(lock, word, 0, 8, newestAt)
  word.writeBigUInt64LE(word.readBigUInt64LE() - 1n)
  writeSync(lock, word, 0, 8, newestAt)
}

test('an acknowledged event survives that another process opens the directory in the same moment', async () => {
  const log = await openAt(directory)
  const append = (data: string) => log.append({ events: [{ topic, data }] })
  await append('first')
  const [acknowledged] = await append('acknowledged')
  forgetNewestCommit()
  const [next] = await append('next')
  expect(next && formatCursor(next)).not.toBe(acknowledged && formatCursor(acknowledged))
  const { first, head } = await log.bounds()
  const { records } = await log.read({ topics, after: first, upTo: head, limit: 10 })
  expect(records.map(({ data }) => data)).toEqual(['first', 'acknowledged', 'next'])
  await log.close()
})

test('a cursor of that event is not taken for one ahead of the log', async () => {
  const log = await openAt(directory)
  await log.append({ events: [{ topic, data: 'first' }] })
  const [after] = await log.append({ events: [{ topic, data: 'acknowledged' }] })
  if (after === undefined) throw new Error('The log gave no position.')
  forgetNewestCommit()
  const page = await log.read({ topics, after, upTo: after, limit: 10 })
  expect(page.lost).toBeUndefined()
  await log.close()
})

test('a handle that opens the directory leaves no older state behind', async () => {
  const log = await openAt(directory)
  await log.append({ events: [{ topic, data: 'first' }] })
  await log.append({ events: [{ topic, data: 'acknowledged' }] })
  forgetNewestCommit()
  const other = await openAt(directory)
  const { first, head } = await other.bounds()
  const { records } = await other.read({ topics, after: first, upTo: head, limit: 10 })
  expect(records.map(({ data }) => data)).toEqual(['first', 'acknowledged'])
  await other.close()
  await log.close()
})

test('a lock file of another layout gives no id to compare', async () => {
  lock = openSync(join(directory, 'lock.mdb'), 'w+')
  writeSync(lock, Buffer.alloc(64, 1))
  writeFileSync(join(directory, 'data.mdb'), Buffer.alloc(8192))
  const newest = new NewestState(directory)
  expect(newest.visibleId).toBeUndefined()
  newest.close()
})

test('the id to compare changes with each commit, of whatever handle, and with nothing else', async () => {
  const log = await openAt(directory)
  const other = await openAt(directory)
  const newest = new NewestState(directory)
  lock = openSync(join(directory, 'lock.mdb'), 'r')
  const append = (to: LmdbEventLog) => to.append({ events: [{ topic, data: 'x' }] })
  const seen = [newest.visibleId]
  for (const writer of [log, other, log]) {
    await append(writer)
    seen.push(newest.visibleId)
    await log.bounds()
    expect(newest.visibleId).toBe(seen.at(-1))
  }
  expect(new Set(seen).size).toBe(4)
  newest.close()
  await other.close()
  await log.close()
})

test('a process that makes the tables of a directory writes nothing over what another has made in the same moment', async () => {
  const environment = await openEnvironment(directory, undefined)
  const { root, newest } = environment
  const made = root.openDB<Buffer, Buffer>('made', { encoding: 'binary', keyEncoding: 'binary' })
  await made.put(Buffer.from('key'), Buffer.from('of the other'))
  forgetNewestCommit()
  const { records } = await openTables(environment)
  await records.put(Buffer.from('key'), Buffer.from('ours'))
  expect(made.getBinary(Buffer.from('key'))?.toString()).toBe('of the other')
  expect(records.getBinary(Buffer.from('key'))?.toString()).toBe('ours')
  await root.close()
  newest.close()
})

test('an append whose lock file cannot be mended is refused, and not tried for ever', async () => {
  const environment = await openEnvironment(directory, undefined)
  const { root, newest } = environment
  lock = openSync(join(directory, 'lock.mdb'), 'r')
  let mends = 0
  const tables: Tables = {
    ...(await openTables(environment)),
    newest: Object.assign(Object.create(newest) as NewestState, {
      isBaseOf: () => false,
      mend: () => (mends += 1),
    }),
  }
  const held = new HeldFiles({ directory, newest, onChange: () => undefined })
  const writer = new Writer({ tables, held, clock: systemClock, onStuck: () => undefined })
  await expect(writer.run(() => 'stored')).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
  expect(mends).toBe(staleBeginsMax)
  await root.close()
  newest.close()
})
