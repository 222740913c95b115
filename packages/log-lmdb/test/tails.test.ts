// How tails of one handle learn what was committed, here and elsewhere.

import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseTopic } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const topic = parseTopic('a')
const pollMs = 50

let directory = ''

beforeEach(async () => {
  directory = await makeDirectory()
})

afterEach(() => removeDirectory(directory))

test('publishers are answered before tails are handed what they published', async () => {
  const log = await openAt(directory)
  const seen: string[] = []
  const { head } = await log.bounds()
  const tailed = new Promise<void>((resolve) => {
    log.tail(head, {
      records: (records) => {
        seen.push(...records.map(({ data }) => `handed over ${data}`))
        if (seen.length === 4) resolve()
      },
    })
  })
  await Promise.all(
    ['1', '2'].map(async (data) => {
      await log.append({ events: [{ topic, data }] })
      seen.push(`answered ${data}`)
    }),
  )
  await tailed
  expect(seen).toEqual(['answered 1', 'answered 2', 'handed over 1', 'handed over 2'])
  await log.close()
})

test('what another process committed without waking anybody is found by the next look', async () => {
  const clock = createFakeClock()
  const log = await openAt(directory, { clock, pollMs })
  const handed: string[] = []
  const { head } = await log.bounds()
  log.tail(head, { records: (records) => handed.push(...records.map(({ data }) => data)) })
  await log.append({ events: [{ topic, data: 'own' }] })
  await expect.poll(() => handed).toEqual(['own'])
  // The other one touches a file that nobody watches.
  renameSync(join(directory, 'wake'), join(directory, 'unwatched'))
  const other = await openAt(directory, { clock })
  await other.append({ events: [{ topic, data: 'of another process' }] })
  clock.advance(pollMs)
  await expect.poll(() => handed).toEqual(['own', 'of another process'])
  await log.append({ events: [{ topic, data: 'own again' }] })
  await expect.poll(() => handed).toEqual(['own', 'of another process', 'own again'])
  await other.close()
  await log.close()
})
