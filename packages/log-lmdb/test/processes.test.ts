// Several real processes on one directory, and processes that are killed in the middle of their work.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { formatCursor, parseTopicSet } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { startChild } from './children/start-child.ts'
import type { Child } from './children/start-child.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'
import type { LmdbEventLog } from '../src/index.ts'

let directory = ''
const children: Child[] = []

beforeEach(async () => {
  directory = await makeDirectory()
})

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.process.kill('SIGKILL')
    await child.ended
  }
  await removeDirectory(directory)
})

interface Acknowledged {
  readonly idempotencyKey: string
  readonly cursors: readonly string[]
}

function start(name: string, batches: number, size: number): Child {
  const child = startChild('appender.ts', [directory, name, String(batches), String(size)])
  children.push(child)
  return child
}

function acknowledgedBy(child: Child): readonly Acknowledged[] {
  return child.lines.filter(
    (line): line is Acknowledged => typeof line === 'object' && line !== null && 'cursors' in line,
  )
}

async function readAll(log: LmdbEventLog): Promise<Map<string, string>> {
  const { first, head } = await log.bounds()
  const topics = parseTopicSet(['**'])
  const byCursor = new Map<string, string>()
  let after: Position = first
  while (formatCursor(after) !== formatCursor(head)) {
    const page = await log.read({ topics, after, upTo: head, limit: 1_000 })
    for (const { position, data } of page.records) byCursor.set(formatCursor(position), data)
    after = page.next
  }
  return byCursor
}

test('two processes and this one append to one order, and every tail sees all of it', async () => {
  const log = await openAt(directory)
  const tailed: string[] = []
  log.tail((await log.bounds()).head, {
    records: (records) => tailed.push(...records.map(({ data }) => data)),
  })
  const two = [start('a', 60, 3), start('b', 60, 3)]
  await Promise.all(two.map((child) => child.line((line) => line === 'ready')))
  await Promise.all(two.map((child) => child.line((line) => line === 'done')))
  const stored = await readAll(log)
  expect(stored.size).toBe(2 * 4 * 60 * 3)
  expect(stored.size).toBe(log.stats().records)
  const inOrder = [...stored.values()]
  await expect.poll(() => tailed.length).toBe(inOrder.length)
  expect(tailed).toEqual(inOrder)
  for (const child of two) {
    child.process.stdin?.end('go on\n')
    const last = (await child.line(
      (line) => typeof line === 'object' && line !== null && 'tailed' in line,
    )) as {
      readonly tailed: readonly string[]
    }
    // A child that opened later begins later; from there on it has everything, in the same order.
    expect(last.tailed).toEqual(inOrder.slice(inOrder.length - last.tailed.length))
    expect(last.tailed.length).toBeGreaterThan(0)
    expect(await child.ended).toBe(0)
    for (const { idempotencyKey, cursors } of acknowledgedBy(child)) {
      expect(cursors.map((cursor) => stored.get(cursor))).toEqual(
        [0, 1, 2].map((j) => `${idempotencyKey}-${j}`),
      )
    }
  }
  // One note, written over and over.
  expect((await stat(join(directory, 'wake'))).size).toBeLessThanOrEqual(64)
  await log.close()
})

test('after kill -9 in the middle of writing every acknowledged append is there, and a repeat gets the same positions', async () => {
  let total = 0
  for (const name of ['x', 'y', 'z']) {
    const child = start(name, 0, 5)
    await child.line(() => acknowledgedBy(child).length >= 40)
    child.process.kill('SIGKILL')
    expect(await child.ended).toBe('SIGKILL')
    const log = await openAt(directory)
    const stored = await readAll(log)
    const acknowledged = acknowledgedBy(child)
    for (const { idempotencyKey, cursors } of acknowledged) {
      expect(cursors.map((cursor) => stored.get(cursor))).toEqual(
        [0, 1, 2, 3, 4].map((j) => `${idempotencyKey}-${j}`),
      )
    }
    // All or nothing: what was not acknowledged is there as whole batches.
    expect(stored.size % 5).toBe(0)
    total += acknowledged.length
    expect(stored.size / 5).toBeGreaterThanOrEqual(total)
    const [repeat] = acknowledged
    if (repeat === undefined) throw new Error('Nothing was acknowledged.')
    const topics = parseTopicSet([`from/${name}`])
    const [topic] = topics.topics
    if (topic === undefined) throw new Error('The set lost its topic.')
    const events = [0, 1, 2, 3, 4].map((j) => ({ topic, data: `${repeat.idempotencyKey}-${j}` }))
    const again = await log.append({ idempotencyKey: repeat.idempotencyKey, events })
    expect(again.map((one) => formatCursor(one))).toEqual(repeat.cursors)
    expect((await readAll(log)).size).toBe(stored.size)
    await log.close()
  }
})

test('processes that open a new directory at the same moment all find a log there', async () => {
  const openers = Array.from({ length: 4 }, () => startChild('opener.ts', []))
  children.push(...openers)
  await Promise.all(openers.map((child) => child.line((line) => line === 'ready')))
  for (let round = 0; round < 30; round++) {
    const path = join(directory, String(round), 'below', 'data')
    for (const child of openers) child.process.stdin?.write(`${path}\n`)
    const results = await Promise.all(
      openers.map((child) =>
        child.line(
          (line) =>
            typeof line === 'object' &&
            line !== null &&
            'directory' in line &&
            line.directory === path,
        ),
      ),
    )
    expect(results).toEqual(openers.map(() => ({ directory: path })))
  }
})
