// What opening a directory refuses, and what it takes over.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { formatCursor, parseTopic, parseTopicSet } from '@tidemark/log'
import type { Position } from '@tidemark/log'
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

test('a directory that is held with other retention is refused with both values named', async () => {
  const log = await openAt(directory, { retention: { maxBytes: 10_000_000 } })
  await expect(openAt(directory, { retention: { maxBytes: 20_000_000 } })).rejects.toMatchObject({
    code: 'LOG_SETTINGS_DIFFER',
    message: expect.stringMatching(/retention\.maxBytes = 10000000.*20000000/),
  })
  const rules = [{ pattern: 'a', maxEvents: 5 }]
  await expect(
    openAt(directory, { retention: { maxBytes: 10_000_000, rules } }),
  ).rejects.toMatchObject({
    code: 'LOG_SETTINGS_DIFFER',
    message: expect.stringContaining('retention.rules'),
  })
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
  expect(await tamper('identity', (identity) => (identity['version'] = 2))).toBe(1)
  await expect(openAt(directory)).rejects.toMatchObject({
    code: 'LOG_FORMAT_NEWER',
    message: expect.stringMatching(/format 2.*up to 1/),
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
