// A stop of the machine under `commit` takes what was not flushed, and nothing else.

import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DataFile } from '../src/data-file.ts'
import { backUpLog, checkLog, restoreLog } from '../src/index.ts'
import { walkState } from '../src/walk-state.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'
import { losePower, putBack } from './power-loss.ts'

let base = ''
let directory = ''
/** What the flushed state holds. */
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
