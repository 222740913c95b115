// Handles of one process that open a directory while others of them write to it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatCursor, parseTopic } from '@tidemark/log'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLmdbLog } from '../src/index.ts'
import { aloneInTurn, inTurn } from '../src/append/own-turns.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-turns-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

test('transactions run beside each other, and what the main thread waits for runs alone, in order', async () => {
  const happened: string[] = []
  const ends = [deferred(), deferred(), deferred(), deferred()]
  const task = (name: string, i: number) => async (): Promise<string> => {
    happened.push(`${name} begins`)
    await ends[i]?.promise
    happened.push(`${name} ends`)
    return name
  }
  const done = Promise.all([
    inTurn('a', task('first', 0)),
    inTurn('a', task('second', 1)),
    aloneInTurn('a', task('alone', 2)),
    inTurn('a', task('last', 3)),
  ])
  await turn()
  expect(happened).toEqual(['first begins', 'second begins'])
  // Another directory has nothing to do with it.
  expect(await aloneInTurn('b', () => 'other')).toBe('other')
  ends[1]?.resolve()
  await turn()
  expect(happened.at(-1)).toBe('second ends')
  ends[0]?.resolve()
  await turn()
  expect(happened.slice(-2)).toEqual(['first ends', 'alone begins'])
  ends[2]?.resolve()
  await turn()
  expect(happened.slice(-2)).toEqual(['alone ends', 'last begins'])
  ends[3]?.resolve()
  expect(await done).toEqual(['first', 'second', 'alone', 'last'])
})

test('a task that fails lets the next one go on', async () => {
  const failing = aloneInTurn('a', () => Promise.reject(new Error('no disk')))
  const next = inTurn('a', () => 'next')
  await expect(failing).rejects.toThrow('no disk')
  expect(await next).toBe('next')
})

test('a directory is opened again and again by a process whose other handles write to it all the while', async () => {
  const writers = await Promise.all(
    Array.from({ length: 3 }, () => openLmdbLog({ directory, durability: 'commit' })),
  )
  const over = new AbortController()
  const topic = parseTopic('a')
  const writing = writers.map(async (log) => {
    let count = 0
    for (; !over.signal.aborted; count++)
      await log.append({ events: [{ topic, data: String(count) }] })
    return count
  })
  for (let round = 0; round < 20; round++) {
    const opened = await Promise.all(
      Array.from({ length: 4 }, () => openLmdbLog({ directory, durability: 'commit' })),
    )
    for (const log of opened) await log.append({ events: [{ topic, data: 'opened' }] })
    for (const log of opened) await log.close()
  }
  over.abort()
  const counts = await Promise.all(writing)
  expect(Math.min(...counts)).toBeGreaterThan(0)
  const positions = await Promise.all(
    writers.map(async (log) => formatCursor((await log.bounds()).head)),
  )
  expect(new Set(positions).size).toBe(1)
  for (const log of writers) await log.close()
})
