// The memory that a check of a data file takes.

import { join } from 'node:path'
import { parseTopic } from '@tidemark/log'
import { collectGarbage } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { TableCheck } from '../src/lmdb-files/check-tables.ts'
import { DataFile } from '../src/lmdb-files/data-file.ts'
import { cachedChunksMax, chunkBytes } from '../src/limits.ts'
import { walkState } from '../src/lmdb-files/walk-state.ts'
import type { TreeEntry } from '../src/lmdb-files/walk-tree.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

test('a file of any size is looked through with 16 MiB of its pages in memory', async () => {
  const directory = await makeDirectory()
  onTestFinished(() => removeDirectory(directory))
  const log = await openAt(directory)
  // Below the size at which LMDB gives a value pages of its own, which are not kept.
  const events = Array.from({ length: 4_000 }, () => ({
    topic: parseTopic('a'),
    data: 'x'.repeat(1_500),
  }))
  for (let i = 0; i < 3; i++) await log.append({ events })
  await log.close()
  const file = new DataFile(join(directory, 'data.mdb'))
  onTestFinished(() => file.close())
  const max = cachedChunksMax * chunkBytes
  expect(file.size).toBeGreaterThan(1.2 * max)
  let most = 0
  await walkState({
    file,
    state: file.readStates().newest,
    onProgress: () => (most = Math.max(most, file.cachedBytes)),
  })
  most = Math.max(most, file.cachedBytes)
  expect(most).toBeGreaterThan(max / 2)
  expect(most).toBeLessThanOrEqual(max)
})

/** Entries of newest values per key, as a tree hands them over: one object for all. */
function* latestEntries(count: number): Generator<TreeEntry> {
  const key = { bytes: Buffer.alloc(12), at: 0, length: 12 }
  const value = { bytes: Buffer.alloc(8), at: 0, length: 8 }
  for (let i = 0; i < count; i++) {
    key.bytes.writeUInt32BE(i, 8)
    // Above 2^32, so that V8 cannot store it as a small number.
    value.bytes.writeUInt32BE(7, 0)
    value.bytes.writeUInt32BE(i, 4)
    yield { key, value, isTree: false }
  }
}

test('newest values per key take 50 bytes each while a file is checked, up to a number', () => {
  const hold = (count: number, max: number): number => {
    const check = new TableCheck(max)
    const before = collectGarbage()
    for (const entry of latestEntries(count)) check.on('latest', entry)
    const held = collectGarbage() - before
    // It is still in use, so that what it holds was not collected.
    for (const entry of latestEntries(1)) check.on('latest', entry)
    return held
  }
  // A table that is as full as it will be at the limit: 4 million of 2^22 places.
  const count = 125_000
  const each = hold(count, count) / count
  expect(each).toBeGreaterThan(10)
  expect(each).toBeLessThanOrEqual(50)
  expect(hold(count, 1_000)).toBeLessThan(100_000)
})

test('a file with more newest values per key than are compared is sound all the same', async () => {
  const directory = await makeDirectory()
  onTestFinished(() => removeDirectory(directory))
  const log = await openAt(directory, { retention: { rules: [{ pattern: 'a', latestBy: 'key' }] } })
  const events = Array.from({ length: 300 }, (_, i) => ({
    topic: parseTopic('a'),
    key: String(i % 100),
    data: 'x',
  }))
  await log.append({ events })
  await log.close()
  const file = new DataFile(join(directory, 'data.mdb'))
  onTestFinished(() => file.close())
  const state = file.readStates().newest
  for (const latestMax of [0, 1, 99, 100, 101])
    expect(await walkState({ file, state, latestMax })).toMatchObject({ records: 100 })
})
