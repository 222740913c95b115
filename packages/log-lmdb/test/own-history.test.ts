// A log whose open data is not its own any more: put back, of another log, or written by another
// process.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { open } from 'lmdb'
import { beforeEach, describe, expect, test } from 'vitest'
import { formatCursor, parseTopic, parseTopicSet } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { LmdbEventLog } from '../src/index.ts'
import { openAt } from './lmdb-harness.ts'
import { makePlaces } from './make-places.ts'
import { startChild } from './children/start-child.ts'
import { putOver } from './put-over.ts'

const topic = parseTopic('a')
const topics = parseTopicSet(['a'])
const lost = { code: 'LOG_DIRECTORY_LOST' }
const superseded = { code: 'LOG_SUPERSEDED' }

let home = ''
let data = ''
let backup = ''

beforeEach(async () => {
  const places = await makePlaces()
  home = places.home
  data = places.data
  backup = places.backup
})

/** A log whose looks are made by the test, with what it warns of and what a tail of it got. */
interface Watched {
  readonly log: LmdbEventLog
  readonly warnings: string[]
  readonly tailed: string[]
  /** Lets time pass until everything that looks has looked. */
  readonly look: () => Promise<void>
}

async function openWatched(directory = data): Promise<Watched> {
  const clock = createFakeClock()
  const warnings: string[] = []
  const log = await openAt(directory, { clock, onWarning: (text) => warnings.push(text) })
  const tailed: string[] = []
  log.tail((await log.bounds()).head, {
    records: (records) => tailed.push(...records.map((record) => record.data)),
  })
  const look = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      clock.advance(1_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { log, warnings, tailed, look }
}

async function append(log: LmdbEventLog, text: string): Promise<Position> {
  const [position] = await log.append({ events: [{ topic, data: text }] })
  // Tails are handed it in the tick after the answer.
  await new Promise((resolve) => setImmediate(resolve))
  if (position === undefined) throw new Error('The log gave no position.')
  return position
}

async function appendSome(log: LmdbEventLog, name: string, count: number): Promise<Position> {
  for (let i = 1; i < count; i++) await append(log, `${name}${i}`)
  return await append(log, `${name}${count}`)
}

async function readAfter(log: LmdbEventLog, after: Position) {
  const { head: upTo } = await log.bounds()
  const { records, lost: gap } = await log.read({ topics, after, upTo, limit: 100 })
  return { data: records.map((record) => record.data), reason: gap?.reason }
}

/** Every call that gives or takes events says the same, and tails give nothing. */
async function expectRefused(
  { log, warnings, tailed, look }: Watched,
  { code }: { readonly code: string },
  cursor: Position,
): Promise<void> {
  const handed = [...tailed]
  await expect(append(log, 'refused')).rejects.toMatchObject({ code })
  await expect(log.bounds()).rejects.toMatchObject({ code })
  const reading = log.read({ topics, after: cursor, upTo: cursor, limit: 1 })
  await expect(reading).rejects.toMatchObject({ code })
  await expect(log.locate({ topics, since: { kind: 'last', count: 1 } })).rejects.toMatchObject({
    code,
  })
  expect(() => log.tail(cursor, { records: () => {} })).toThrow(expect.objectContaining({ code }))
  expect(() => log.stats()).toThrow(expect.objectContaining({ code }))
  await look()
  expect(tailed).toEqual(handed)
  expect(warnings).toHaveLength(1)
}

describe('an older copy of itself, lock file included, put over an open log', () => {
  test.each([1, 10, 40])(
    'after %i more events acknowledges nothing, and a restart tells of what went with it',
    async (count) => {
      const watched = await openWatched()
      const { log } = watched
      await appendSome(log, 'kept', 5)
      await cp(data, backup, { recursive: true })
      const cursor = await appendSome(log, 'lost', count)
      putOver(backup, data)
      await expectRefused(watched, lost, cursor)
      expect(watched.warnings[0]).toMatch(/an older copy .*Stop every process/)
      await log.close()
      const after = await openAt(data)
      await appendSome(after, 'since', count + 5)
      expect(await readAfter(after, cursor)).toEqual({
        data: Array.from({ length: count + 5 }, (_, i) => `since${i + 1}`),
        reason: 'epoch',
      })
      await after.close()
    },
  )

  test('is told of within a second where nobody publishes', async () => {
    const watched = await openWatched()
    await append(watched.log, 'kept')
    await cp(data, backup, { recursive: true })
    const cursor = await append(watched.log, 'lost')
    putOver(backup, data)
    await watched.look()
    expect(watched.warnings).toEqual([expect.stringContaining('an older copy')])
    await expectRefused(watched, lost, cursor)
    await watched.log.close()
  })

  test('gives no reader at a lost cursor an exact answer before anybody has looked', async () => {
    const { log } = await openWatched()
    await append(log, 'kept')
    await cp(data, backup, { recursive: true })
    const cursor = await append(log, 'lost')
    putOver(backup, data)
    const reading = log.read({ topics, after: cursor, upTo: cursor, limit: 1 })
    await expect(reading).rejects.toMatchObject(lost)
    await log.close()
  })

  test('is not written on by a process that comes while another one holds it', async () => {
    const watched = await openWatched()
    const { log } = watched
    await appendSome(log, 'kept', 5)
    await cp(data, backup, { recursive: true })
    const cursor = await appendSome(log, 'lost', 5)
    // All of the directory, as `cp -r` does.
    putOver(backup, data, ['data.mdb', 'lock.mdb', 'wake'])
    await watched.look()
    await expect(openAt(data, { place: log.place })).rejects.toMatchObject({
      ...lost,
      message: expect.stringMatching(/older .*Stop every process/),
    })
    await log.close()
    const after = await openAt(data, { place: log.place })
    await appendSome(after, 'since', 8)
    expect((await readAfter(after, cursor)).reason).toBe('epoch')
    const beside = await openAt(data)
    await append(beside, 'of both')
    await beside.close()
    await after.close()
  })

  test('is not written on by a process that comes before the one that holds it has looked', async () => {
    const { log } = await openWatched()
    await appendSome(log, 'kept', 5)
    await cp(data, backup, { recursive: true })
    await appendSome(log, 'lost', 5)
    putOver(backup, data)
    const opener = startChild('opener.ts', [])
    opener.process.stdin?.end(`${data}\n`)
    const said = await opener.line((line) => typeof line === 'object')
    await opener.ended
    expect(said).toMatchObject({ failure: expect.stringMatching(/An older copy .*Stop every/) })
    await log.close()
  })

  test('does not keep out those who come after a restore that was done with nobody there', async () => {
    const log = await openAt(data)
    await appendSome(log, 'kept', 5)
    await cp(data, backup, { recursive: true })
    await appendSome(log, 'lost', 50)
    await log.close()
    putOver(backup, data)
    const [after, beside] = [await openAt(data), await openAt(data)]
    await append(beside, 'first')
    await append(after, 'second')
    await beside.close()
    await after.close()
  })
})

test('another log copied over an open one, lock file included, gives nothing to its tails', async () => {
  const other = await openAt(join(home, 'other'))
  await appendSome(other, 'foreign', 20)
  await cp(join(home, 'other'), backup, { recursive: true })
  await other.close()
  const watched = await openWatched()
  const cursor = await appendSome(watched.log, 'own', 5)
  putOver(backup, data)
  await watched.look()
  expect(watched.tailed).toEqual(['own1', 'own2', 'own3', 'own4', 'own5'])
  expect(watched.warnings).toEqual([expect.stringContaining('another log was copied over')])
  await expectRefused(watched, lost, cursor)
  await watched.log.close()
})

/** Changes an entry of `meta` behind the log's back. */
async function tamper(keyPrefix: string, change: (text: string) => string): Promise<void> {
  const root = open<Buffer, Buffer>(data, {
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
  })
  const meta = root.openDB<Buffer, Buffer>('meta', { encoding: 'binary', keyEncoding: 'binary' })
  for (const { key, value } of [...meta.getRange({})]) {
    if (!Buffer.from(key).toString().startsWith(keyPrefix)) continue
    await meta.put(Buffer.from(key), Buffer.from(change(Buffer.from(value).toString())))
  }
  await root.close()
}

/** As if the processes that hold the directory were in another pid namespace. */
async function hideHolders(): Promise<void> {
  await tamper('holder:', (text) => JSON.stringify({ ...JSON.parse(text), started: '1' }))
}

describe('a holder that another process took for dead', () => {
  test('says so to every publisher and reader, and once to the operator', async () => {
    const watched = await openWatched()
    const cursor = await append(watched.log, 'first')
    await hideHolders()
    const other = await openAt(data)
    await append(other, 'of the other')
    await expectRefused(watched, superseded, cursor)
    expect(watched.warnings[0]).toMatch(/another process.*process ids.*start this one again/)
    expect(watched.tailed).toEqual(['first'])
    expect((await readAfter(other, cursor)).data).toEqual(['of the other'])
    await watched.log.close()
    // It has left the other one alone.
    await append(other, 'goes on')
    await other.close()
  })

  test('finds out by itself where nobody publishes, and says no more than that', async () => {
    const watched = await openWatched()
    const cursor = await append(watched.log, 'first')
    await hideHolders()
    const other = await openAt(data)
    await watched.look()
    expect(watched.warnings).toHaveLength(1)
    await expectRefused(watched, superseded, cursor)
    await other.close()
    await watched.log.close()
  })

  test('is told apart when the other one was restarted meanwhile', async () => {
    const watched = await openWatched()
    const cursor = await append(watched.log, 'first')
    await hideHolders()
    for (const text of ['second', 'third']) {
      const other = await openAt(data)
      await append(other, text)
      await other.close()
    }
    await expectRefused(watched, superseded, cursor)
    await watched.log.close()
  })
})

describe('an identity that is not to be read any more counts as lost, and nobody is told to take an empty directory', () => {
  test.each([
    { name: 'of a newer version', change: newerVersion },
    { name: 'garbage', change: () => 'garbage' },
    { name: 'with an epoch that is none', change: (text: string) => text.replace('["', '["!') },
    { name: 'of another program', change: () => '{"format":"other"}' },
    { name: 'a number', change: () => '7' },
    { name: 'nothing', change: () => 'null' },
  ])('$name', async ({ change }) => {
    const watched = await openWatched()
    const cursor = await append(watched.log, 'own')
    await tamper('identity', change)
    await watched.look()
    await expectRefused(watched, lost, cursor)
    expect(watched.warnings[0]).not.toMatch(/empty|new directory/)
    await watched.log.close()
  })
})

function newerVersion(text: string): string {
  return JSON.stringify({ ...JSON.parse(text), version: 99 })
}

// A zombie is a matter of processes that are not reaped, which only a parent that does not ask
// leaves behind.
test.runIf(process.platform === 'linux')(
  'a holder that was killed and not reaped keeps nobody from beginning an epoch',
  async () => {
    const child = spawn(
      'sh',
      ['-c', `${process.execPath} "$0" "$1" x & echo $!; exec sleep 600`, appender, data],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const read = async (): Promise<string> => String((await lines.next()).value)
    const pid = Number(await read())
    let acknowledged = await read()
    while (!acknowledged.includes('cursors')) acknowledged = await read()
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => readState(pid)).toBe('Z')
    const log = await openAt(data)
    const [epoch] = (JSON.parse(acknowledged) as { cursors: string[] }).cursors
    const position = await append(log, 'of a new epoch')
    expect(epochText(formatCursor(position))).not.toBe(epochText(epoch ?? ''))
    await log.close()
    child.kill()
    await once(child, 'exit')
  },
)

const appender = fileURLToPath(new URL('children/appender.ts', import.meta.url))

/** Field 3 of `/proc/<pid>/stat`. */
function readState(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2)[0]
}

function epochText(cursor: string): string | undefined {
  return cursor.split('-')[0]
}
