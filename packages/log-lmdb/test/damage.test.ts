// Damage is told as damage: by no crash, by no other error, and never by serving something else.

import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { mkdir, readFile, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseTopic, parseTopicSet } from '@tidemark/log'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import { backUpLog, checkLog, repairClock, restoreLog } from '../src/index.ts'
import { startChild } from './children/start-child.ts'
import { appendSample, damages, digestLog, readData, sampleRetention } from './damaged-log.ts'
import { harms, runDamageRounds } from './damage-rounds.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'
import { sealDirectory } from '../src/lmdb-files/seal.ts'

let base = ''
let directory = ''

beforeEach(async () => {
  base = await makeDirectory()
  directory = join(base, 'data')
})

afterEach(() => removeDirectory(base))

test('a slow copy of a running directory is told as damage, not as a foreign directory, a disk or a crash', async () => {
  const random = createRandom(7)
  const log = await openAt(directory, { retention: sampleRetention, clock: createFakeClock() })
  let i = 0
  const append = async (): Promise<void> => await appendSample(log, random, i++)
  for (let batch = 0; batch < 60; batch++) await append()
  const prober = startChild('prober.ts', [])
  try {
    const codes: (string | undefined)[] = []
    for (let copy = 0; copy < 22; copy++) {
      const to = join(base, `copy-${copy}`)
      await mkdir(to)
      const chunk = Buffer.alloc([16_384, 65_536][copy % 2] ?? 0)
      // A copy follows a file that grows as fast for ever.
      const end = readData(directory).length
      const from = openSync(join(directory, 'data.mdb'), 'r')
      const target = openSync(join(to, 'data.mdb'), 'w')
      for (let at = 0; ;) {
        const read = readSync(from, chunk, 0, chunk.length, at)
        if (read === 0 || at >= end) break
        writeSync(target, chunk, 0, read, at)
        at += read
        // Changes to the file while a slow copy is under way.
        await append()
      }
      closeSync(from)
      closeSync(target)
      for (const name of ['lock.mdb', 'wake']) copyFileSync(join(directory, name), join(to, name))
      prober.process.stdin?.write(`${to}\n`)
      const seen = (await prober.line(
        (line) =>
          typeof line === 'object' && line !== null && 'directory' in line && line.directory === to,
      )) as { readonly code?: string; readonly message?: string }
      expect(seen.message).toMatch(/is damaged: .*Keep it as it is; restore a backup/)
      codes.push(seen.code)
    }
    expect(new Set(codes)).toEqual(new Set(['LOG_DAMAGED']))
  } finally {
    prober.process.stdin?.end()
    await prober.ended
    await log.close()
  }
})

test('whatever damages a file, the log is served as it was or refused as damaged, and no process dies of it', async () => {
  const { figures, violations } = await runDamageRounds({ seed: 20, rounds: 56 })
  expect(violations).toEqual([])
  expect(Object.keys(figures)).toEqual(harms)
  expect(Object.values(figures).some(({ told }) => told > 0)).toBe(true)
  expect(Object.values(figures).some(({ exact }) => exact > 0)).toBe(true)
})

test('a log that is whole is never taken for damaged, in whichever state a copy finds it', async () => {
  for (const durability of ['fsync', 'commit'] as const) {
    const random = createRandom(durability.length)
    const clock = createFakeClock()
    let i = 0
    for (let opening = 0; opening < 6; opening++) {
      // Smaller each time, so that every bound has something to remove.
      const retention = {
        maxBytes: 1_200_000 - 60_000 * opening,
        maxAgeMs: 60_000,
        rules: sampleRetention.rules ?? [],
      }
      const at = join(base, durability)
      const log = await openAt(at, { durability, retention, clock })
      for (let steps = 0; steps < 15; steps++) {
        await appendSample(log, random, i++)
        // Time passes without timers: nothing waits for storage so long.
        clock.set(clock.now() + random.pick([1, 900, 15_000]))
        if (random.int(2) === 0) await log.sweep()
        const copy = join(base, 'copy.mdb')
        writeFileSync(copy, readData(at))
        const { damage, summary } = await checkLog({ path: copy })
        expect(damage).toBeUndefined()
        expect(summary?.records).toBe(log.stats().records)
      }
      await log.close()
    }
  }
})

test('a copy put into the place of the data after a kill is looked through, though the file is the same one', async () => {
  const child = startChild('appender.ts', [directory, 'a', '0', '3'])
  await child.line((line) => child.lines.length > 100 && line !== undefined)
  const early = await readFile(join(directory, 'data.mdb'))
  const enough = child.lines.length + 400
  await child.line(() => child.lines.length > enough)
  child.process.kill('SIGKILL')
  await child.ended
  const late = await readFile(join(directory, 'data.mdb'))
  const torn = damages['a copy torn everywhere']?.(late, early, createRandom(3))
  writeFileSync(join(directory, 'data.mdb'), torn ?? '')
  await expect(openAt(directory)).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
})

test.each(['fsync', 'commit'] as const)(
  'a log that another process writes to at full speed is never taken for damaged (%s)',
  async (durability) => {
    const child = startChild('appender.ts', [directory, 'a', '0', '3', durability])
    try {
      await child.line(() => child.lines.length > 20)
      for (let opening = 0; opening < 60; opening++) {
        const log = await openAt(directory, { durability })
        expect((await log.bounds()).head).toBeDefined()
        await log.close()
      }
      expect((await checkLog({ path: directory })).damage).toBeUndefined()
    } finally {
      child.process.kill('SIGKILL')
      await child.ended
    }
  },
)

test('workers that die together and are replaced do not look through what they have written themselves', async () => {
  const log = await openAt(directory)
  const { place } = log
  await log.append({ events: [{ topic: parseTopic('a'), data: 'x'.repeat(60_000) }] })
  await log.close()
  // Only a look through all records would see it; and the record itself is refused when it is read.
  const data = readData(directory)
  const at = data.indexOf('x'.repeat(50_000)) + 20_000
  writeFileSync(join(directory, 'data.mdb'), data.fill('y', at, at + 1))
  await expect(openAt(directory)).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
  const again = await openAt(directory, { place })
  const { first, head } = await again.bounds()
  const query = { topics: parseTopicSet(['a']), after: first, upTo: head, limit: 1 }
  await expect(again.read(query)).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
  await again.close()
})

test('a directory whose data is gone is not begun anew in silence', async () => {
  const log = await openAt(directory)
  await appendSample(log, createRandom(1), 0)
  await log.close()
  await rm(join(directory, 'data.mdb'))
  await expect(openAt(directory)).rejects.toMatchObject({
    code: 'LOG_DAMAGED',
    message: expect.stringMatching(/data\.mdb is gone.*restore a backup/),
  })
})

test.each([
  ['the first page', 0, 4_096],
  ['both first pages', 0, 8_192],
  ['everything', 0, Infinity],
])('a log that lost %s to zeros is damaged, and not of another program', async (_, from, to) => {
  const log = await openAt(directory)
  await appendSample(log, createRandom(1), 0)
  await log.close()
  const data = readData(directory)
  writeFileSync(join(directory, 'data.mdb'), data.fill(0, from, Math.min(to, data.length)))
  await expect(openAt(directory)).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
})

test('data that is gone or emptied is damage for a check, a backup, a repair and a restore too, and not a foreign directory', async () => {
  for (const harm of [rm, truncate]) {
    const log = await openAt(directory)
    await appendSample(log, createRandom(1), 0)
    await log.close()
    await harm(join(directory, 'data.mdb'))
    for (const path of [directory, ...(harm === truncate ? [join(directory, 'data.mdb')] : [])])
      expect((await checkLog({ path })).damage).toMatch(
        /data\.mdb.*events have been appended to it/,
      )
    for (const attempt of [
      backUpLog({ directory, target: join(base, 'backup.mdb') }),
      restoreLog({ backup: directory, directory: join(base, 'restored') }),
      repairClock(directory),
      openAt(directory),
    ])
      await expect(attempt).rejects.toMatchObject({
        code: 'LOG_DAMAGED',
        message: expect.stringContaining('restore a backup'),
      })
    await rm(directory, { recursive: true })
  }
})

test('one flipped bit in the first page of a backup, or more, is damage and not the file of another program', async () => {
  const log = await openAt(directory)
  for (let i = 0; i < 20; i++) await appendSample(log, createRandom(1), i)
  await log.close()
  const path = join(base, 'backup.mdb')
  await backUpLog({ directory, target: path })
  const data = readFileSync(path)
  const harms: readonly ((bytes: Buffer) => void)[] = [
    (bytes) => bytes.writeUInt8(bytes.readUInt8(24) ^ 1, 24),
    (bytes) => bytes.writeUInt8(bytes.readUInt8(18) ^ 8, 18),
    (bytes) => bytes.writeUInt8(bytes.readUInt8(28) ^ 1, 28),
    (bytes) => void bytes.fill(0, 0, 4_096),
    (bytes) => void bytes.fill(0, 0, 8_192),
  ]
  for (const harm of harms) {
    const bytes = Buffer.from(data)
    harm(bytes)
    writeFileSync(path, bytes)
    expect((await checkLog({ path })).damage).toBeDefined()
    await expect(restoreLog({ backup: path, directory: join(base, 'into') })).rejects.toMatchObject(
      { code: 'LOG_DAMAGED' },
    )
    // Put back by hand, nothing but the file itself says that it was a log.
    const byHand = join(base, 'by-hand')
    await mkdir(byHand)
    writeFileSync(join(byHand, 'data.mdb'), bytes)
    await expect(openAt(byHand)).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
    await rm(byHand, { recursive: true })
  }
  writeFileSync(path, 'x'.repeat(100_000))
  await expect(checkLog({ path })).rejects.toMatchObject({ code: 'LOG_FORMAT_FOREIGN' })
})

test('a restored log that loses its data before its first commit is damaged, and not begun anew', async () => {
  const log = await openAt(directory)
  await appendSample(log, createRandom(1), 0)
  await log.close()
  for (const harm of [rm, truncate]) {
    const restored = join(base, 'restored')
    await restoreLog({ backup: directory, directory: restored })
    await harm(join(restored, 'data.mdb'))
    await expect(openAt(restored)).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
    await rm(restored, { recursive: true })
  }
})

test('a log that is open has no seal, so that it is looked through after a stop of the machine', async () => {
  const seal = join(directory, 'seal')
  const log = await openAt(directory)
  await appendSample(log, createRandom(1), 0)
  await log.close()
  expect(existsSync(seal)).toBe(true)
  const again = await openAt(directory)
  expect(existsSync(seal)).toBe(false)
  await again.close()
  expect(existsSync(seal)).toBe(true)
  await repairClock(directory)
  expect(existsSync(seal)).toBe(false)
})

test.each(['state', 'identity', 'settings'])(
  'an entry %s that is cut off is damage, whatever its length, and not a trouble of the disk',
  async (name) => {
    const log = await openAt(directory)
    await appendSample(log, createRandom(1), 0)
    await log.close()
    const sound = readData(directory)
    for (const length of [0, 1, 2, 3, 4, 5, 11]) {
      writeFileSync(join(directory, 'data.mdb'), sound)
      const root = open<Buffer, Buffer>(directory, {
        noSubdir: false,
        encoding: 'binary',
        keyEncoding: 'binary',
      })
      const meta = root.openDB<Buffer, Buffer>('meta', {
        encoding: 'binary',
        keyEncoding: 'binary',
      })
      await meta.put(Buffer.from(name), Buffer.alloc(length, 1))
      await root.close()
      await rm(join(directory, 'lock.mdb'))
      expect((await checkLog({ path: directory })).damage).toBeDefined()
      await expect(openAt(directory)).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
    }
  },
)

test('no error about a data directory advises to throw it away', async () => {
  const log = await openAt(directory)
  await appendSample(log, createRandom(1), 0)
  await log.close()
  const path = join(directory, 'data.mdb')
  const size = readData(directory).length
  for (const cut of [0, 100, 4_096, size - 4_096]) {
    await truncate(path, cut)
    const message = await openAt(directory).then(
      () => 'opened',
      (error: unknown) => String(error),
    )
    expect(message).toMatch(/Keep it as it is/)
    expect(message).not.toMatch(/empty|anew|new directory|delete|remove/i)
  }
})

test('what a log holds is told by a digest that a change of one record changes', async () => {
  const log = await openAt(directory)
  await appendSample(log, createRandom(1), 0)
  const before = await digestLog(log)
  expect(await digestLog(log)).toBe(before)
  await appendSample(log, createRandom(1), 1)
  expect(await digestLog(log)).not.toBe(before)
  await log.close()
})

test.each([
  { what: 'a digit of an epoch', change: (text: string) => text.replace('["', '["0') },
  { what: 'where an epoch began', change: (text: string) => text.replace(/",\d+\]/, '",7]') },
  { what: 'its epochs', change: (text: string) => text.replace('"epochs"', '"epocks"') },
  { what: 'its renamings', change: (text: string) => text.replace('"renamings"', '"renaming5"') },
  {
    what: 'its version',
    change: (text: string) => text.replace(/"version":(\d+)/, '"version":"$1"'),
  },
])(
  'an identity that has lost $what is damage, of a file that is sealed too',
  async ({ change }) => {
    for (const hasSum of [true, false]) {
      await removeDirectory(directory)
      const log = await openAt(directory)
      await appendSample(log, createRandom(1), 0)
      await log.close()
      const root = open<Buffer, Buffer>(directory, {
        noSubdir: false,
        encoding: 'binary',
        keyEncoding: 'binary',
      })
      const meta = root.openDB<Buffer, Buffer>('meta', {
        encoding: 'binary',
        keyEncoding: 'binary',
      })
      const name = Buffer.from('identity')
      const text = change(String(meta.get(name)))
      await meta.put(name, Buffer.from(hasSum ? text : text.replace(/,"sum":\d+/, '')))
      await root.close()
      sealDirectory(directory)
      // Without its sum an epoch of another name cannot be told from the right one.
      if (!hasSum && !/epocks|renaming5|"version":"|",7/.test(text)) continue
      expect((await checkLog({ path: directory })).damage).toMatch(/identity/)
      await expect(openAt(directory)).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
      await expect(repairClock(directory)).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
    }
  },
)
