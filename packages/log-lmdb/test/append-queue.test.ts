// Group commit, and what happens to appends when the write lock does not come.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { formatCursor, parseTopic } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { beginWaitMs, groupDataMax, groupEventsMax } from '../src/limits.ts'
import { startChild } from './children/start-child.ts'
import type { Child } from './children/start-child.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const topic = parseTopic('a')

let directory = ''

beforeEach(async () => {
  directory = await makeDirectory()
})

afterEach(() => removeDirectory(directory))

/** Begins a write transaction that stays open until it is released. */
async function holdWriteLock(): Promise<{ readonly release: () => Promise<void> }> {
  const other = open<Buffer, Buffer>(directory, {
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
  })
  let end: () => void = () => {}
  const ended = new Promise<void>((resolve) => (end = resolve))
  let onBegun: () => void = () => {}
  const begun = new Promise<void>((resolve) => (onBegun = resolve))
  const held = other.transaction(async () => {
    onBegun()
    await ended
  })
  await begun
  return {
    async release() {
      end()
      await held
      await other.close()
    },
  }
}

test('appends that come while another is on its way to the disk share one transaction', async () => {
  const log = await openAt(directory)
  await Promise.all(
    Array.from({ length: 200 }, (_, i) => log.append({ events: [{ topic, data: String(i) }] })),
  )
  const { commits, batches, events } = log.stats()
  expect({ batches, events }).toEqual({ batches: 200, events: 200 })
  expect(commits).toBeLessThanOrEqual(4)
  await log.close()
})

test('a reused idempotency key fails its own append and none that shares the transaction', async () => {
  const log = await openAt(directory)
  const append = (data: string, idempotencyKey?: string) =>
    log.append({ events: [{ topic, data }], idempotencyKey })
  const results = await Promise.allSettled([
    append('1'),
    append('2', 'k'),
    append('other', 'k'),
    append('3'),
    append('2', 'k'),
  ])
  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ])
  const cursors = results.map((result) =>
    result.status === 'fulfilled' ? result.value.map((one) => formatCursor(one)).join() : undefined,
  )
  expect(cursors[4]).toBe(cursors[1])
  expect(log.stats().records).toBe(3)
  await log.close()
})

test('a write lock that never comes answers LOG_UNAVAILABLE, stores nothing, and is forgotten when it comes', async () => {
  const clock = createFakeClock()
  const log = await openAt(directory, { clock })
  const lock = await holdWriteLock()
  const append = (data: string) => log.append({ events: [{ topic, data }] })
  const waiting = Promise.allSettled([append('1'), append('2')])
  clock.advance(beginWaitMs)
  const results = [...(await waiting), ...(await Promise.allSettled([append('3')]))]
  for (const result of results) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'LOG_UNAVAILABLE' } })
  }
  await lock.release()
  await expect
    .poll(
      async () =>
        await append('4')
          .then(() => true)
          .catch(() => false),
    )
    .toBe(true)
  expect(log.stats().records).toBe(1)
  await log.close()
})

test('a process that exits while the write lock does not come ends all the same, and by itself when it has come', async () => {
  const child = startChild('stuck.ts', [directory])
  const stuck = startChild('stuck.ts', [directory])
  try {
    const said = (from: Child, step: string) =>
      from.line((line) => (line as { readonly step: string }).step === step)
    await Promise.all([said(child, 'open'), said(stuck, 'open')])
    const lock = await holdWriteLock()
    for (const one of [child, stuck]) {
      one.process.stdin?.write('wait too long\n')
      expect(await said(one, 'wait too long')).toMatchObject({
        outcome: 'LOG_UNAVAILABLE',
        isStuck: true,
      })
    }
    stuck.process.stdin?.end()
    expect(await stuck.ended).toBe('SIGKILL')
    await lock.release()
    await expect
      .poll(async () => {
        child.process.stdin?.write('try again\n')
        await said(child, 'try again')
        return child.lines.at(-1)
      })
      .toMatchObject({ outcome: 'stored', isStuck: false })
    child.process.stdin?.end()
    expect(await child.ended).toBe(3)
  } finally {
    for (const one of [child, stuck]) one.process.kill('SIGKILL')
  }
})

test('a process that closes its log, idle until then, while the write lock does not come ends all the same', async () => {
  const child = startChild('stuck.ts', [directory])
  try {
    await child.line((line) => (line as { readonly step: string }).step === 'open')
    const lock = await holdWriteLock()
    child.process.stdin?.write('close\n')
    expect(await child.ended).toBe('SIGKILL')
    await lock.release()
  } finally {
    child.process.kill('SIGKILL')
  }
})

test('batches that may wait share a transaction with whatever comes until the least patient is due', async () => {
  const clock = createFakeClock()
  const log = await openAt(directory, { clock })
  const append = (data: string, patienceMs?: number) =>
    log.append({ events: [{ topic, data }], patienceMs })
  let answered = 0
  const patient: Promise<unknown>[] = []
  for (let i = 0; i < 5; i++) {
    patient.push(append(`patient ${i}`, 10).then(() => (answered += 1)))
    clock.advance(1)
    await Promise.resolve()
  }
  expect(log.stats().commits).toBe(0)
  expect(answered).toBe(0)
  clock.advance(5)
  await Promise.all(patient)
  expect(log.stats()).toMatchObject({ commits: 1, batches: 5 })
  const waiting = append('waits', 10_000)
  await append('does not')
  await waiting
  expect(log.stats()).toMatchObject({ commits: 2, batches: 7 })
  await log.close()
})

test('a log that is closed answers those who wait for others first', async () => {
  const log = await openAt(directory)
  const waiting = log.append({ events: [{ topic, data: 'waits' }], patienceMs: 20 })
  await log.close()
  expect(await waiting).toHaveLength(1)
})

test('a process that awaits a patient append does not end before it is stored', async () => {
  const child = startChild('patient.ts', [directory])
  expect(await child.ended).toBe(0)
  expect(child.lines).toEqual(['appended', 'closed'])
})

test('a group takes no more events or data than one transaction may', async () => {
  const log = await openAt(directory)
  const data = 'x'.repeat(groupDataMax / 2)
  await Promise.all(Array.from({ length: 12 }, () => log.append({ events: [{ topic, data }] })))
  // The first may have gone alone; of the others two fit into a transaction.
  const large = log.stats().commits
  expect(large).toBeGreaterThanOrEqual(6)
  const events = Array.from({ length: groupEventsMax / 2 }, () => ({ topic, data: 'x' }))
  await Promise.all(Array.from({ length: 5 }, () => log.append({ events })))
  expect(log.stats().commits - large).toBeGreaterThanOrEqual(3)
  await log.close()
})

test('batches larger than a transaction may take go alone, and leave a bounded number of pages idle', async () => {
  const bytes = 8 * 1024 * 1024
  const maxBytes = 1024 * 1024
  const log = await openAt(directory, { retention: { maxBytes } })
  // The least favourable size: a little more than fits into a page twice.
  const data = 'x'.repeat(1_400)
  const events = Array.from({ length: Math.floor(bytes / data.length) }, () => ({ topic, data }))
  for (let round = 0; round < 6; round++) {
    const before = log.stats().commits
    const small = (): Promise<unknown> => log.append({ events: [{ topic, data: 'x' }] })
    await Promise.all([small(), log.append({ events }), log.append({ events }), small()])
    // The first may take the small one before it; neither of the large ones takes another.
    expect(log.stats().commits - before).toBeGreaterThanOrEqual(3)
    await log.sweep()
  }
  const { size } = await stat(join(directory, 'data.mdb'))
  // Of the log itself there is no more than the newest batch.
  expect(size).toBeLessThan(2 * bytes + 6 * bytes)
  await log.close()
})
