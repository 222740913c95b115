// How tails of one handle learn what was committed, here and elsewhere.

import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseTopic, parseTopicSet } from '@tidemark/log'
import type { EventRecord } from '@tidemark/log'
import { Lineage, epochOf, sequenceOf } from '@tidemark/log/driver'
import { createFakeClock } from '@tidemark/testkit'
import { readIdentity } from '../src/history/identity.ts'
import { NewestState } from '../src/lmdb-files/newest-state.ts'
import { OwnHistory } from '../src/history/own-history.ts'
import { openTables } from '../src/open/open-environment.ts'
import { openRoot } from '../src/tables/schema.ts'
import { Tails } from '../src/tail/tails.ts'
import { WakeFile } from '../src/tail/wake-file.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const topic = parseTopic('a')
const topics = parseTopicSet(['a'])
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

test('what another process commits while an own group is in flight is not taken for handed over', async () => {
  const log = await openAt(directory)
  const { head: start } = await log.bounds()
  const root = openRoot(directory, false)
  const newest = new NewestState(directory)
  const tables = await openTables({ root, newest })
  const identity = readIdentity(tables.meta, directory)
  if (identity === undefined) throw new Error('The log has no identity.')
  const clock = createFakeClock()
  // To these tails what comes next is of their own handle, committed and not announced yet.
  let inFlightFirst = sequenceOf(start) + 1
  const tails = new Tails({
    tables,
    lineage: new Lineage([{ epoch: epochOf(start), begin: 0 }]),
    history: new OwnHistory({
      readStored: () => undefined,
      meta: tables.meta,
      newest,
      directory,
      identity,
      onLost: ({ text }) => expect.fail(text),
    }),
    clock,
    wake: new WakeFile(directory),
    pollMs,
    announcedFrom: () => inFlightFirst,
    onError: (error) => expect.fail(String(error)),
  })
  const handed: string[] = []
  const tail = tails.open(start, {
    records: (records) => handed.push(...records.map(({ data }) => data)),
  })
  const [own] = await log.append({ events: [{ topic, data: 'own' }] })
  const transactionId = newest.visibleId ?? 0
  await log.append({ events: [{ topic, data: 'of another process' }] })
  if (own === undefined) throw new Error('The log gave no position.')
  tails.check()
  await new Promise((resolve) => setImmediate(resolve))
  expect(handed).toEqual([])
  inFlightFirst = Infinity
  const { records } = await log.read({ topics, after: start, upTo: own, limit: 1 })
  tails.announce(records, transactionId)
  clock.advance(pollMs)
  await expect.poll(() => handed).toEqual(['own', 'of another process'])
  tail.close()
  tails.close()
  await root.close()
  newest.close()
  await log.close()
})

test('what others commit is decoded once, however many tails of a handle stand at one place', async () => {
  const [log, other] = [await openAt(directory), await openAt(directory)]
  const { head } = await log.bounds()
  const handed: (readonly EventRecord[])[][] = [[], [], []]
  for (const batches of handed) log.tail(head, { records: (records) => void batches.push(records) })
  for (const data of ['1', '2', '3']) await other.append({ events: [{ topic, data }] })
  const dataOf = (batches: readonly (readonly EventRecord[])[]): readonly string[] =>
    batches.flatMap((records) => records.map(({ data }) => data))
  for (const batches of handed) await expect.poll(() => dataOf(batches)).toEqual(['1', '2', '3'])
  for (const batches of handed)
    for (const [i, records] of batches.entries()) expect(records).toBe(handed[0]?.[i])
  await log.close()
  await other.close()
})
