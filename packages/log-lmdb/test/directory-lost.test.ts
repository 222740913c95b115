// A directory that somebody removes, moves or replaces while it is open.

import { copyFile, cp, mkdir, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseTopic, parseTopicSet } from '@tidemark/log'
import type { EventRecord } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { LmdbEventLog, LmdbLogOptions } from '../src/index.ts'
import { startChild } from './children/start-child.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const topic = parseTopic('a')
const topics = parseTopicSet(['a'])
const lost = { code: 'LOG_DIRECTORY_LOST' }

let home = ''
/** A symbolic link to `first`. */
let directory = ''
let first = ''
let second = ''

beforeEach(async () => {
  home = await makeDirectory()
  directory = join(home, 'data')
  first = join(home, 'first')
  second = join(home, 'second')
  await mkdir(first)
  await symlink(first, directory)
})

afterEach(() => removeDirectory(home))

async function append(log: LmdbEventLog, data: string): Promise<void> {
  await log.append({ events: [{ topic, data }] })
}

async function readData(log: LmdbEventLog): Promise<readonly string[]> {
  const { first: after, head: upTo } = await log.bounds()
  const { records } = await log.read({ topics, after, upTo, limit: 100 })
  return records.map(({ data }) => data)
}

/** A log with one event, in a directory of its own. */
async function makeOther(path: string): Promise<void> {
  const log = await openAt(path)
  await append(log, 'of another log')
  await log.close()
}

async function switchLink(): Promise<void> {
  await symlink(second, join(home, 'new'))
  await rename(join(home, 'new'), directory)
}

const losses = [
  { name: 'removed', act: () => rm(first, { recursive: true }) },
  { name: 'moved away', act: () => rename(first, second) },
  {
    name: 'moved away, with another put in its place',
    act: async () => {
      await makeOther(second)
      await rename(first, join(home, 'away'))
      await rename(second, first)
    },
  },
  {
    name: 'moved away, with a copy of itself in its place',
    act: async () => {
      await rename(first, second)
      await cp(second, first, { recursive: true })
    },
  },
  {
    name: 'given another data file',
    act: async () => {
      await makeOther(second)
      await rename(join(second, 'data.mdb'), join(first, 'data.mdb'))
    },
  },
  {
    name: 'switched for another by its symbolic link',
    act: async () => {
      await makeOther(second)
      await switchLink()
    },
  },
  { name: 'robbed of its lock file', act: () => unlink(join(first, 'lock.mdb')) },
  {
    name: 'replaced by a file',
    act: async () => {
      await rename(first, second)
      await writeFile(first, '')
    },
  },
]

test.each(losses)('a directory that is $name acknowledges nothing more', async ({ act }) => {
  const warnings: string[] = []
  const clock = createFakeClock()
  const log = await openAt(directory, { clock, onWarning: (text) => warnings.push(text) })
  await append(log, 'kept')
  await act()
  // At once, before the next look: the clock stands still.
  await expect(append(log, 'into nowhere')).rejects.toMatchObject(lost)
  await expect(append(log, 'into nowhere')).rejects.toMatchObject(lost)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toMatch(/^Nothing is stored: the data directory .*(Put back|Stop|stop)/)
  // Retention, and the entry of the handle that leaves, are no events; that nothing is stored has
  // been said.
  clock.advance(10_000)
  await log.close()
  expect(warnings).toHaveLength(1)
})

test('a directory that is lost while nothing is published is told of within a second', async () => {
  const warnings: string[] = []
  const clock = createFakeClock()
  const log = await openAt(directory, { clock, onWarning: (text) => warnings.push(text) })
  clock.advance(1_000)
  expect(warnings).toEqual([])
  await rename(first, second)
  clock.advance(1_000)
  expect(warnings).toEqual([expect.stringContaining('its data.mdb was moved away')])
  await log.close()
})

test('readers and tails go on in what is open, and all goes on when the directory is back', async () => {
  const warnings: string[] = []
  const clock = createFakeClock()
  const log = await openAt(directory, { clock, onWarning: (text) => warnings.push(text) })
  const tailed: string[] = []
  log.tail((await log.bounds()).head, {
    records: (records: readonly EventRecord[]) => tailed.push(...records.map(({ data }) => data)),
  })
  await append(log, 'before')
  await rename(first, second)
  await expect(append(log, 'refused')).rejects.toMatchObject(lost)
  expect(await readData(log)).toEqual(['before'])
  await rename(second, first)
  await append(log, 'after')
  expect(warnings).toEqual([
    expect.stringContaining('moved away'),
    expect.stringMatching(/is back; events are stored again/),
  ])
  expect(await readData(log)).toEqual(['before', 'after'])
  await expect.poll(() => tailed).toEqual(['before', 'after'])
  await log.close()
})

test('a cursor ahead is answered while the directory is lost', async () => {
  const log = await openAt(directory)
  await append(log, 'kept')
  const other = await openAt(second)
  await append(other, 'x')
  const { head: upTo } = await log.bounds()
  await append(log, 'ahead')
  const { head: after } = await log.bounds()
  await rename(first, join(home, 'away'))
  expect((await log.read({ topics, after, upTo, limit: 1 })).records).toEqual([])
  await log.close()
  await other.close()
})

test('a working directory that changes does not lose a log', async () => {
  const before = process.cwd()
  process.chdir(home)
  try {
    const log = await openAt('first')
    process.chdir('/')
    await append(log, 'kept')
    expect(await readData(log)).toEqual(['kept'])
    await log.close()
  } finally {
    process.chdir(before)
  }
})

test('another log copied over an open one is neither written nor read', async () => {
  await makeOther(second)
  const warnings: string[] = []
  const clock = createFakeClock()
  const log = await openAt(directory, { clock, onWarning: (text) => warnings.push(text) })
  for (let i = 0; i < 20; i++) await append(log, `event ${i}`)
  await copyFile(join(second, 'data.mdb'), join(first, 'data.mdb'))
  clock.advance(1_000)
  expect(warnings).toEqual([expect.stringContaining('another log was copied over')])
  await expect(append(log, 'into another log')).rejects.toMatchObject(lost)
  await expect(readData(log)).rejects.toMatchObject(lost)
  await log.close()
  expect(warnings).toHaveLength(1)
})

test('an older copy of itself put over an open log acknowledges nothing more', async () => {
  const log = await openAt(directory)
  await append(log, 'early')
  await cp(first, second, { recursive: true })
  for (let i = 0; i < 20; i++) await append(log, `later ${i}`)
  await copyFile(join(second, 'data.mdb'), join(first, 'data.mdb'))
  await expect(append(log, 'on top of the copy')).rejects.toMatchObject(lost)
  await log.close()
})

/** The output of a process that is told to open this directory. */
async function openElsewhere(): Promise<unknown> {
  const opener = startChild('opener.ts', [])
  opener.process.stdin?.end(`${directory}\n`)
  const said = await opener.line((line) => typeof line === 'object')
  await opener.ended
  return said
}

test('a second process does not start beside one whose lock file was removed, and neither writes', async () => {
  const log = await openAt(directory)
  await append(log, 'acknowledged')
  await unlink(join(first, 'lock.mdb'))
  expect(await openElsewhere()).toMatchObject({
    failure: expect.stringMatching(
      new RegExp(`held by process ${process.pid} with a lock.mdb that was removed`),
    ),
  })
  // The refused one has left a lock file; it is not the one this process holds.
  expect((await stat(join(first, 'lock.mdb'))).isFile()).toBe(true)
  await expect(append(log, 'refused')).rejects.toMatchObject(lost)
  await log.close()
})

test('a directory without its lock file is opened again once those who held it have ended', async () => {
  const holder = startChild('appender.ts', [directory, 'x'])
  await holder.line((line) => typeof line === 'object')
  await unlink(join(first, 'lock.mdb'))
  // It ends by the append that fails.
  expect(await holder.ended).toBe(1)
  expect(holder.errors.join('')).toContain('LOG_DIRECTORY_LOST')
  expect(await openElsewhere()).toEqual({ directory })
})

test('the copy of a directory that is held can be opened beside it, with other settings', async () => {
  const log = await openAt(directory)
  await append(log, 'in both')
  await cp(first, second, { recursive: true })
  const copy = await openAt(second, { durability: 'commit' })
  expect(await readData(copy)).toEqual(['in both'])
  await append(copy, 'in one')
  await append(log, 'in the other')
  await copy.close()
  await log.close()
})

test('a handle that asks for the files of another one takes no others, and makes none', async () => {
  const options = async (): Promise<Partial<LmdbLogOptions>> => {
    const log = await openAt(directory)
    await log.close()
    return { place: log.place }
  }
  const asked = await options()
  await (await openAt(directory, asked)).close()
  await rename(first, second)
  await expect(openAt(directory, asked)).rejects.toMatchObject(lost)
  await expect(stat(first)).rejects.toMatchObject({ code: 'ENOENT' })
  await makeOther(first)
  await expect(openAt(directory, asked)).rejects.toMatchObject(lost)
  await rm(first, { recursive: true })
  await rename(second, first)
  await (await openAt(directory, asked)).close()
})
