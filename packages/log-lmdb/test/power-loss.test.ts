// A stop of the machine under `commit` takes what was not flushed, and nothing else.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseTopic } from '@tidemark/log'
import { DataFile } from '../src/lmdb-files/data-file.ts'
import { backUpLog, checkLog, restoreLog } from '../src/index.ts'
import { openRoot } from '../src/tables/schema.ts'
import { walkState } from '../src/lmdb-files/walk-state.ts'
import { readData } from './damaged-log.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'
import { losePower, putBack } from './power-loss.ts'

let base = ''
let directory = ''
/** The contents of the flushed state. */
let records = 0

beforeEach(async () => {
  base = await makeDirectory()
  directory = join(base, 'data')
})

afterEach(() => removeDirectory(base))

async function stopMachine(behind: number): Promise<void> {
  putBack(directory, await losePower(join(base, 'before'), behind))
  const file = new DataFile(join(directory, 'data.mdb'))
  const { newest, flushed } = file.readStates()
  expect(newest.transaction - (flushed?.transaction ?? 0)).toBe(behind)
  records = (await walkState({ file, state: flushed ?? newest })).records
  expect(records).toBeGreaterThan(1_000)
  await expect(walkState({ file, state: newest })).rejects.toThrow(/page/)
  file.close()
}

async function countRecords(path: string): Promise<number> {
  const log = await openAt(path, { durability: 'commit' })
  const { records: found } = log.stats()
  await log.close()
  return found
}

/** Damages a number of an index, in one place after the other. */
async function expectDamageAt(indexAt: number, number: number): Promise<void> {
  const path = join(directory, 'data.mdb')
  const sound = readFileSync(path)
  for (const byte of [1, 2, 6]) {
    const bytes = Buffer.from(sound)
    const at = indexAt + number + byte
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0x80, at)
    writeFileSync(path, bytes)
    expect((await checkLog({ path: directory })).damage).toBeDefined()
    await expect(countRecords(directory)).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
  }
}

test.each([
  ['transaction', 152],
  ['last page', 144],
  ['size of pages', 48],
])(
  'a flipped bit in the %s that was flushed is damage: no opening without end, and no death by a signal',
  async (_, number) => {
    await stopMachine(1)
    await expectDamageAt(2_048, number)
  },
)

test('a flipped bit in the newest transaction under commit is damage, also without a stop of the machine', async () => {
  const before = join(base, 'before')
  const log = await openAt(before, { durability: 'commit' })
  for (let i = 0; i < 9; i++)
    await log.append({ events: [{ topic: parseTopic('a'), data: `${i}` }] })
  putBack(directory, { data: readData(before), behind: 0 })
  await log.close()
  const file = new DataFile(join(directory, 'data.mdb'))
  const { newest } = file.readStates()
  file.close()
  expect(newest.isUnflushed).toBe(true)
  expect((await checkLog({ path: directory })).damage).toBeUndefined()
  await expectDamageAt(newest.at, 152)
})

test('a log whose very first transaction is not flushed yet is not taken for damaged by a process that comes then', async () => {
  const root = openRoot(directory, true)
  await root.put(Buffer.from('a'), Buffer.from('b'))
  await root.close()
  const path = join(directory, 'data.mdb')
  const data = readData(directory).fill(0, 2_048, 2_048 + 168)
  writeFileSync(path, data)
  const file = new DataFile(path)
  const { newest, flushed } = file.readStates()
  file.close()
  expect(newest).toMatchObject({ transaction: 1, isUnflushed: true })
  expect(flushed).toMatchObject({ transaction: 0, main: { root: undefined } })
})

describe.each([1, 2])('a sound log whose last %i transactions were not flushed', (behind) => {
  beforeEach(() => stopMachine(behind))

  test('is not refused as damaged after a stop of the machine', async () => {
    expect(await countRecords(directory)).toBe(records)
    expect((await checkLog({ path: directory })).damage).toBeUndefined()
  })

  test('is sound for a check, which changes nothing of it', async () => {
    for (let i = 0; i < 2; i++)
      expect(await checkLog({ path: directory })).toMatchObject({
        damage: undefined,
        summary: { records },
      })
  })

  test('is backed up as it was flushed, and restored from there', async () => {
    const target = join(base, 'backup.mdb')
    expect((await backUpLog({ directory, target })).summary?.records).toBe(records)
    await restoreLog({ backup: target, directory: join(base, 'restored') })
    expect(await countRecords(join(base, 'restored'))).toBe(records)
  })

  test('is restored as it is, with the state that was checked and not the torn one', async () => {
    await restoreLog({ backup: directory, directory: join(base, 'restored') })
    expect((await checkLog({ path: join(base, 'restored') })).summary?.records).toBe(records)
    expect(await countRecords(join(base, 'restored'))).toBe(records)
  })
})
