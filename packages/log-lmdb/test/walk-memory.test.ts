// What a look through a data file holds of it.

import { join } from 'node:path'
import { parseTopic } from '@tidemark/log'
import { expect, onTestFinished, test } from 'vitest'
import { DataFile } from '../src/data-file.ts'
import { cachedStretchesMax, stretchBytes } from '../src/limits.ts'
import { walkState } from '../src/walk-state.ts'
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
  const max = cachedStretchesMax * stretchBytes
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
