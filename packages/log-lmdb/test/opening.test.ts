// Opening a directory: what is refused, and what is adopted.

import { copyFile, mkdir, readFile, readdir, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { formatCursor, parseCursor, parseTopic, parseTopicSet } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { readWhole } from '@tidemark/testkit'
import { formatVersion } from '../src/tables/schema.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const topic = parseTopic('a')

let directory = ''

beforeEach(async () => {
  directory = await makeDirectory()
})

afterEach(() => removeDirectory(directory))

/** Changes an entry of `meta` behind the log's back. */
async function tamper(
  keyPrefix: string,
  change: (value: Record<string, unknown>) => void,
): Promise<number> {
  const root = open<Buffer, Buffer>(directory, {
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
  })
  const meta = root.openDB<Buffer, Buffer>('meta', { encoding: 'binary', keyEncoding: 'binary' })
  let changed = 0
  for (const { key, value } of [...meta.getRange({})]) {
    if (!Buffer.from(key).toString().startsWith(keyPrefix)) continue
    const entry = JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>
    change(entry)
    await meta.put(Buffer.from(key), Buffer.from(JSON.stringify(entry)))
    changed += 1
  }
  await root.close()
  return changed
}

test('a directory that is held with another durability is refused with both values named', async () => {
  const log = await openAt(directory, { durability: 'fsync' })
  const refusal = openAt(directory, { durability: 'commit' })
  await expect(refusal).rejects.toMatchObject({
    code: 'LOG_SETTINGS_DIFFER',
    message: expect.stringMatching(/durability = fsync.*this process has commit/),
  })
  await log.append({ events: [{ topic, data: 'still works' }] })
  await log.close()
})

test('settings may change when nobody holds the directory, and hold for what is there', async () => {
  const before = await openAt(directory, { durability: 'commit' })
  const start = (await before.bounds()).head
  await before.append({ events: ['1', '2', '3', '4'].map((data) => ({ topic, data })) })
  await before.close()
  const rules = [{ pattern: 'a', maxEvents: 2 }]
  const after = await openAt(directory, { durability: 'fsync', retention: { rules } })
  await after.sweep()
  const { records, lost } = await after.read({
    topics: parseTopicSet(['a']),
    after: start,
    upTo: (await after.bounds()).head,
    limit: 10,
  })
  expect(records.map(({ data }) => data)).toEqual(['3', '4'])
  expect(lost?.reason).toBe('retention')
  await after.close()
})

test('a holder that died does not keep its settings', async () => {
  const log = await openAt(directory, { durability: 'fsync' })
  await tamper('holder:', (holder) => (holder['started'] = '1'))
  const other = await openAt(directory, { retention: { maxBytes: 5_000_000 } })
  await other.close()
  await log.close()
})

test('data of a newer version is refused', async () => {
  await (await openAt(directory)).close()
  expect(await tamper('identity', (identity) => (identity['version'] = formatVersion + 1))).toBe(1)
  await expect(openAt(directory)).rejects.toMatchObject({
    code: 'LOG_FORMAT_NEWER',
    message: expect.stringContaining(`up to ${formatVersion}`),
  })
})

describe('a directory of something else is refused and left as it is', () => {
  test('with files of its own', async () => {
    await writeFile(join(directory, 'thesis.txt'), 'precious')
    await expect(openAt(directory)).rejects.toMatchObject({
      code: 'LOG_FORMAT_FOREIGN',
      message: expect.stringContaining('thesis.txt'),
    })
  })

  test('with a data file that is not of LMDB', async () => {
    await writeFile(join(directory, 'data.mdb'), Buffer.alloc(16_384, 7))
    await expect(openAt(directory)).rejects.toMatchObject({ code: 'LOG_FORMAT_FOREIGN' })
  })

  test('with an LMDB environment of another program', async () => {
    const root = open(directory, { noSubdir: false })
    await root.put('name', 'value')
    await root.close()
    await expect(openAt(directory)).rejects.toMatchObject({ code: 'LOG_FORMAT_FOREIGN' })
  })
})

describe('a data file that lost its end is refused before LMDB can die of it', () => {
  const damaged = { code: 'LOG_DAMAGED' }

  async function fill(durability: 'fsync' | 'commit' = 'fsync'): Promise<string> {
    const log = await openAt(directory, { durability })
    for (let i = 0; i < 10; i++) await log.append({ events: [{ topic, data: 'x'.repeat(67_000) }] })
    await log.close()
    return join(directory, 'data.mdb')
  }

  test.each([0, 100, 4_096, 8_192, 20_000])('cut to %i bytes', async (size) => {
    const path = await fill()
    await truncate(path, size)
    const message = expect.stringMatching(new RegExp(`${directory}.*damaged: .*restore a backup`))
    await expect(openAt(directory)).rejects.toMatchObject({ ...damaged, message })
    expect((await stat(path)).size).toBe(size)
  })

  test.each(['fsync', 'commit'] as const)('cut to half, after %s', async (durability) => {
    const path = await fill(durability)
    await truncate(path, Math.floor((await stat(path)).size / 2))
    await expect(openAt(directory, { durability })).rejects.toMatchObject(damaged)
  })

  test('but not one with something behind its end', async () => {
    const path = await fill()
    await truncate(path, (await stat(path)).size + 100_000)
    await (await openAt(directory)).close()
  })

  test('nor one whose creation was cut off before anything was appended', async () => {
    for (const name of ['data.mdb', 'lock.mdb', 'wake']) await writeFile(join(directory, name), '')
    await (await openAt(directory)).close()
  })

  test('nor one that ends early because its last pages were given back unwritten', async () => {
    const path = await fill()
    const root = open<Buffer, string>(directory, { noSubdir: false, encoding: 'binary' })
    const scratch = root.openDB<Buffer, string>('scratch', { encoding: 'binary' })
    await scratch.put('old', Buffer.alloc(67_000))
    // Freed pages must be on the free list, and old enough to be taken, for LMDB to give others
    // back at once.
    await scratch.remove('old')
    for (let i = 0; i < 5; i++) await scratch.put('small', Buffer.of(i))
    const before = (await stat(path)).size
    root.transactionSync(() => {
      for (let i = 0; i < 8; i++) scratch.putSync(`big${i}`, Buffer.alloc(150_000))
      for (let i = 0; i < 8; i++) scratch.removeSync(`big${i}`)
    })
    await root.close()
    const file = await readFile(path)
    const lastPages = [0, 4_096].map((page) => Number(file.readBigUInt64LE(page + 144)))
    expect(file.length).toBeLessThan((Math.max(...lastPages) + 1) * 4_096)
    expect(file.length).toBeLessThan(before + 150_000)
    const log = await openAt(directory)
    expect(log.stats().records).toBe(10)
    await log.close()
  })
})

test('a directory that cannot be made or written is refused with its name and the cause', async () => {
  const file = join(directory, 'file')
  await writeFile(file, '')
  for (const path of [join(file, 'data'), '/proc/tidemark-data']) {
    await expect(openAt(path)).rejects.toMatchObject({
      code: 'LOG_NOT_WRITABLE',
      message: expect.stringMatching(new RegExp(`${path}.*(ENOTDIR|ENOENT|EACCES|EEXIST)`)),
    })
  }
})

test('after a stop of the machine under `commit` a new epoch begins, and a cursor of the old one loses only what is uncertain', async () => {
  const before = await openAt(directory, { durability: 'commit' })
  const positions = await before.append({
    events: ['1', '2', '3'].map((data) => ({ topic, data })),
  })
  expect(await tamper('holder:', (holder) => (holder['bootId'] = 'another start'))).toBe(1)
  const after = await openAt(directory, { durability: 'commit' })
  await after.append({ events: [{ topic, data: '4' }] })
  const { head } = await after.bounds()
  const [, second] = positions
  if (second === undefined) throw new Error('The append gave no positions.')
  const page = await after.read({
    topics: parseTopicSet(['a']),
    after: second,
    upTo: head,
    limit: 10,
  })
  expect(page.records.map(({ data }) => data)).toEqual(['3', '4'])
  expect(page.lost?.reason).toBe('epoch')
  expect(page.lost?.from).toBe(second)
  expect(sequenceText(page.lost?.to)).toBe(sequenceText(second))
  expect(epochText(head)).not.toBe(epochText(second))
  await after.close()
  await before.close()
})

test('after a stop of the machine under `commit` a reader is told of it once at most, however small its pages, and not again after a restart', async () => {
  const before = await openAt(directory, { durability: 'commit' })
  const names = Array.from({ length: 7 }, (_, i) => `${i}`)
  const [old] = await before.append({ events: names.map((data) => ({ topic, data })) })
  if (old === undefined) throw new Error('The append gave no positions.')
  await tamper('holder:', (holder) => (holder['bootId'] = 'another start'))
  for (const restarts of [0, 1]) {
    const after = await openAt(directory, { durability: 'commit' })
    const { first } = await after.bounds()
    const query = { limit: 2 }
    const fresh = await readWhole(after, ['a'], { after: first, ...query })
    expect(fresh.data).toEqual(names)
    expect(fresh.losses).toEqual([])
    const told = await readWhole(after, ['a'], { after: old, ...query })
    expect(told.data).toEqual(names.slice(1))
    expect(told.losses).toMatchObject([{ reason: 'epoch', from: old }])
    for (const { position } of fresh.records)
      expect((await readWhole(after, ['a'], { after: position })).losses).toEqual([])
    await after.close()
    if (restarts === 0) await before.close()
  }
})

/** Makes the directory one of the version that knew no ledgers. */
async function makeLedgerless(): Promise<void> {
  await tamper('identity', (identity) => {
    identity['version'] = 3
    delete identity['sum']
  })
}

test('a directory of the version that knew no ledgers is taken over with its history, and no more for that version', async () => {
  const before = await openAt(directory)
  const [first] = await before.append({ events: ['1', '2'].map((data) => ({ topic, data })) })
  await before.close()
  await makeLedgerless()
  const log = await openAt(directory)
  if (first === undefined) throw new Error('The log gave no position.')
  const { data, losses } = await readWhole(log, ['a'], { after: first })
  expect(data).toEqual(['2'])
  expect(losses).toEqual([])
  await log.close()
  let version: unknown
  await tamper('identity', (identity) => (version = identity['version']))
  expect(version).toBe(formatVersion)
})

test('a process of the version that knew no ledgers has the directory to itself: it would remove what nodes have agreed on', async () => {
  const before = await openAt(directory)
  await makeLedgerless()
  await expect(openAt(directory)).rejects.toMatchObject({ code: 'LOG_HELD' })
  await before.close()
  await (await openAt(directory)).close()
})

test('a directory of the version that knew no tags is taken over with its history, its keys and its weights, and no more for that version', async () => {
  const before = await openAt(directory)
  const batch = { events: ['1', '2'].map((data) => ({ topic, data })), idempotencyKey: 'once' }
  const [first] = await before.append(batch)
  await before.close()
  await tamper('identity', (identity) => {
    identity['version'] = 4
    delete identity['sum']
  })
  const log = await openAt(directory)
  if (first === undefined) throw new Error('The log gave no position.')
  expect((await log.append(batch))[0]).toEqual(first)
  await log.append({ events: [{ topic, data: '3', tags: { region: 'eu' } }] })
  const { records, losses } = await readWhole(log, ['a'], { after: first })
  expect(records.map(({ data, tags }) => [data, tags])).toEqual([
    ['2', undefined],
    ['3', { region: 'eu' }],
  ])
  expect(losses).toEqual([])
  await log.close()
  let version: unknown
  await tamper('identity', (identity) => (version = identity['version']))
  expect(version).toBe(formatVersion)
})

/** Makes the directory one of a version before that. */
async function makeOlder(): Promise<void> {
  await tamper('identity', (identity) => {
    identity['version'] = 2
    identity['epochs'] = ['0lq1k2m3abcd0000', '0lq1k2m4abcd1237ps0']
    delete identity['sum']
  })
}

test.each(['10lq1k2m3abcd0000-1', '10lq1k2m4abcd1237ps0-7ps1'])(
  'a directory of a version without such a lineage is taken over with all its events, and its cursor %s is told of a gap or cannot be read',
  async (cursor) => {
    const before = await openAt(directory)
    await before.append({ events: ['1', '2'].map((data) => ({ topic, data })) })
    await before.close()
    await makeOlder()
    const log = await openAt(directory)
    const { first } = await log.bounds()
    expect((await readWhole(log, ['a'], { after: first })).data).toEqual(['1', '2'])
    // The shorter ones are not cursors any more: the hub says so with a gap of its own, `cursor`.
    const after = parseCursor(cursor)?.position
    if (after !== undefined) {
      const told = await readWhole(log, ['a'], { after })
      expect(told.losses).toMatchObject([{ reason: 'epoch' }])
      expect(told.data).toEqual(['1', '2'])
    }
    await log.close()
  },
)

test('a directory that a process of such a version holds is refused, and left to it', async () => {
  const before = await openAt(directory)
  await makeOlder()
  await expect(openAt(directory)).rejects.toMatchObject({
    code: 'LOG_HELD',
    message: expect.stringMatching(new RegExp(`process ${process.pid}.*older version.*Stop`)),
  })
  await before.close()
  await (await openAt(directory)).close()
})

test('of two backups that were copied over the directory one after the other the second one leaves nothing out', async () => {
  const paths = {
    data: join(directory, 'data'),
    older: join(directory, 'older'),
    newer: join(directory, 'newer'),
  }
  // Into the files that are there, as `cp -r` does.
  const copy = async (from: string, to: string): Promise<void> => {
    await mkdir(to, { recursive: true })
    for (const name of await readdir(from)) await copyFile(join(from, name), join(to, name))
  }
  const write = async (...data: readonly string[]): Promise<Position | undefined> => {
    const log = await openAt(paths.data)
    const positions = await log.append({ events: data.map((each) => ({ topic, data: each })) })
    await log.close()
    return positions.at(-1)
  }
  await write('1', '2')
  await copy(paths.data, paths.older)
  await write('3', '4')
  await copy(paths.data, paths.newer)
  await copy(paths.older, paths.data)
  const cursor = await write('a', 'b', 'c')
  await copy(paths.newer, paths.data)
  await write('5')
  const log = await openAt(paths.data)
  const told = await readWhole(log, ['a'], { after: cursor ?? (await log.bounds()).first })
  expect(told.losses).toMatchObject([{ reason: 'epoch' }])
  expect(told.data).toEqual(['3', '4', '5'])
  await log.close()
})

test('after a stop of the machine under `fsync` the history goes on', async () => {
  const before = await openAt(directory)
  const [position] = await before.append({ events: [{ topic, data: '1' }] })
  await tamper('holder:', (holder) => (holder['bootId'] = 'another start'))
  const after = await openAt(directory)
  expect(formatCursor((await after.bounds()).head)).toBe(
    position === undefined ? '' : formatCursor(position),
  )
  await after.close()
  await before.close()
})

function epochText(position: Position): string {
  return formatCursor(position).split('-')[0] ?? ''
}

function sequenceText(position: Position | undefined): string | undefined {
  return position === undefined ? undefined : formatCursor(position).split('-')[1]
}
