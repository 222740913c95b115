// Backups of logs that are written to, and what is restored from them.

import fs from 'node:fs'
import {
  existsSync,
  linkSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { chmod, chown, cp, mkdir, readdir, symlink } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseTopic, parseTopicSet } from '@tidemark/log'
import type { EventLog, Position } from '@tidemark/log'
import { sequenceOf } from '@tidemark/log/driver'
import { DataFile } from '../src/lmdb-files/data-file.ts'
import { backUpLog, checkLog, restoreLog } from '../src/index.ts'
import { formatVersion } from '../src/tables/schema.ts'
import { compareSeal, isSealed, sealDirectory } from '../src/lmdb-files/seal.ts'
import { startChild } from './children/start-child.ts'
import type { Child } from './children/start-child.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

let base = ''
let directory = ''
let target = ''
const children: Child[] = []

beforeEach(async () => {
  base = await makeDirectory()
  directory = join(base, 'data')
  target = join(base, 'backup.mdb')
})

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.process.kill('SIGKILL')
    await child.ended
  }
  await removeDirectory(base)
})

async function fill(events: number, options: Parameters<typeof openAt>[1] = {}): Promise<void> {
  const log = await openAt(directory, options)
  await append(log, events)
  await log.close()
}

async function append(log: EventLog, events: number): Promise<void> {
  const topic = parseTopic('a')
  for (let i = 0; i < events; i++) await log.append({ events: [{ topic, data: `${i}` }] })
}

/** Appended data by sequence. Positions of another epoch are other positions. */
async function readHistory(log: EventLog): Promise<readonly string[]> {
  const { first, head } = await log.bounds()
  const topics = parseTopicSet(['**'])
  const history: string[] = []
  let after: Position = first
  for (;;) {
    const page = await log.read({ topics, after, upTo: head, limit: 1_000 })
    if (page.records.length === 0) return history
    for (const { position, topic, data } of page.records)
      history.push(`${sequenceOf(position)} ${topic} ${data}`)
    after = page.next
  }
}

function countAcknowledged(child: Child): number {
  return child.lines.filter((line) => typeof line === 'object').length
}

async function startStorm(durability = 'fsync'): Promise<readonly Child[]> {
  const storm = ['a', 'b'].map((name) =>
    startChild('appender.ts', [directory, name, '0', '3', durability]),
  )
  children.push(...storm)
  for (const child of storm) await child.line(() => countAcknowledged(child) > 50)
  return storm
}

test.each([false, true])(
  'a backup in the middle of a publish storm of two processes is a prefix of the history (compact: %s)',
  async (isCompact) => {
    const storm = await startStorm()
    const acknowledged = storm.map((child) => countAcknowledged(child))
    const { summary } = await backUpLog({ directory, target, isCompact })
    const onTheWay = storm.map((child) => countAcknowledged(child))
    expect(onTheWay.reduce((a, b) => a + b, 0)).toBeGreaterThan(
      acknowledged.reduce((a, b) => a + b, 0),
    )
    for (const child of storm) child.process.kill('SIGKILL')
    const original = await openAt(directory)
    const restored = join(base, 'restored')
    await restoreLog({ backup: target, directory: restored })
    const copy = await openAt(restored)
    const [all, some] = [await readHistory(original), await readHistory(copy)]
    expect(some.length).toBe(summary?.records)
    expect(some).toEqual(all.slice(0, some.length))
    // All that was acknowledged before the backup was asked for is in it.
    expect(some.length).toBeGreaterThanOrEqual(3 * acknowledged.reduce((a, b) => a + b, 0))
    await copy.close()
    await original.close()
  },
)

test.each(['fsync', 'commit'])(
  'a log that is written to is checked as it is at one moment (%s)',
  async (durability) => {
    await startStorm(durability)
    for (let i = 0; i < 10; i++) {
      const { damage, summary, held } = await checkLog({ path: directory })
      expect(damage).toBeUndefined()
      expect(summary?.records).toBeGreaterThan(300)
      expect(held?.pid).toBeGreaterThan(0)
    }
  },
)

describe('beside a process that stands still in a write transaction', () => {
  let locker: Child

  beforeEach(async () => {
    await fill(20)
    locker = startChild('locker.ts', [directory])
    children.push(locker)
    await locker.line((line) => typeof line === 'object')
  })

  async function keep(task: string): Promise<{ readonly child: Child; readonly outcome: string }> {
    const child = startChild('keeper.ts', [task, directory, target])
    children.push(child)
    const { outcome } = (await child.line((line) => typeof line === 'object')) as {
      readonly outcome: string
    }
    return { child, outcome }
  }

  test.each(['check', 'compact'])('a %s does not wait', async (task) => {
    const { child, outcome } = await keep(task)
    expect(outcome).toBe('20 records')
    child.process.stdin?.end()
    expect(await child.ended).toBe(3)
  })

  test('a backup of all pages says so after a while, leaves nothing, and its process can end', async () => {
    const { child, outcome } = await keep('copy')
    expect(outcome).toMatch(/no copy could be begun for 10 s.*holds its write lock/i)
    expect(readdirSync(base)).toEqual(['data'])
    child.process.stdin?.end()
    expect(await child.ended).toBe('SIGKILL')
  })

  test('a backup that was given up costs its process nothing when the lock is free again', async () => {
    const { child } = await keep('copy')
    locker.process.stdin?.end()
    expect(await locker.ended).toBe(0)
    expect((await keep('copy')).outcome).toBe('20 records')
    child.process.stdin?.end()
    expect([3, 'SIGKILL']).toContain(await child.ended)
    const log = await openAt(directory)
    await append(log, 1)
    await log.close()
  })
})

describe('a backup', () => {
  test('is one file, flushed, and leaves nothing beside it', async () => {
    await fill(10)
    await backUpLog({ directory, target })
    expect(await readdir(base)).toEqual(['backup.mdb', 'data'])
  })

  test.each(['fsync', 'commit'] as const)(
    'has one state and no torn ones, after %s',
    async (durability) => {
      const log = await openAt(directory, { durability })
      await append(log, 30)
      await backUpLog({ directory, target })
      const file = new DataFile(target)
      const { newest } = file.readStates()
      const { pageSize } = file
      file.close()
      expect(newest.isUnflushed).toBe(false)
      // Where LMDB looks for what was flushed of a state that was not.
      const half = readFileSync(target).subarray(pageSize / 2, pageSize)
      expect(half.equals(Buffer.alloc(pageSize / 2))).toBe(true)
      await log.close()
    },
  )

  test('replaces no file unless told', async () => {
    await fill(10)
    writeFileSync(target, 'precious')
    await expect(backUpLog({ directory, target })).rejects.toMatchObject({ code: 'BACKUP_EXISTS' })
    expect(readFileSync(target, 'utf8')).toBe('precious')
    await backUpLog({ directory, target, mayReplace: true })
    expect((await checkLog({ path: target })).summary?.records).toBe(10)
  })

  test('never takes the place of a file of a log, whose hub would write into a file without a name', async () => {
    const log = await openAt(directory)
    await append(log, 10)
    linkSync(join(directory, 'data.mdb'), join(base, 'hard-link.mdb'))
    await symlink(join(directory, 'data.mdb'), join(base, 'link.mdb'))
    await symlink(directory, join(base, 'linked'))
    const targets = [
      ...['data.mdb', 'lock.mdb', 'wake', 'seal'].map((name) => join(directory, name)),
      join(base, 'linked', 'data.mdb'),
      join(base, 'hard-link.mdb'),
      join(base, 'link.mdb'),
      // Of another log, or of one that is made by hand.
      join(base, 'data.mdb'),
    ]
    const before = readdirSync(directory)
    for (const mayReplace of [true, false]) {
      for (const each of targets) {
        await expect(
          backUpLog({ directory, target: each, mayReplace }),
          each,
        ).rejects.toMatchObject({
          code: 'OPTION_INVALID',
          message: expect.stringMatching(/a file of a log.*Name another file/),
        })
      }
    }
    expect(readdirSync(directory)).toEqual(before)
    await append(log, 5)
    await log.close()
    const again = await openAt(directory)
    expect((await readHistory(again)).length).toBe(15)
    await again.close()
  })

  test('of a damaged log is none, and the one before stays', async () => {
    await fill(200)
    await backUpLog({ directory, target })
    const data = readFileSync(join(directory, 'data.mdb'))
    writeFileSync(join(directory, 'data.mdb'), data.fill(0, 3 * 4_096, data.length - 4_096))
    await expect(backUpLog({ directory, target, mayReplace: true })).rejects.toMatchObject({
      code: 'LOG_DAMAGED',
    })
    expect((await checkLog({ path: target })).summary?.records).toBe(200)
    expect(await readdir(base)).toEqual(['backup.mdb', 'data'])
  })

  test.each(['data.mdb', 'lock.mdb'])(
    'that a process leaves when %s is there does not crash or hang the process, and leaves nothing',
    async (name) => {
      await fill(100)
      await mkdir(join(base, 'backups'))
      const child = startChild('quitter.ts', [directory, join(base, 'backups', 'b.mdb'), name])
      children.push(child)
      expect([130, 'SIGINT']).toContain(await child.ended)
      expect(await readdir(join(base, 'backups'))).toEqual([])
    },
  )

  test('that is compact is not taken for damaged because of long events, nor when it is restored and written to', async () => {
    const log = await openAt(directory)
    for (const length of [100, 3_000, 100_000, 3_000])
      await log.append({ events: [{ topic: parseTopic('a'), data: 'x'.repeat(length) }] })
    await backUpLog({ directory, target, isCompact: true })
    const restored = join(base, 'restored')
    await restoreLog({ backup: target, directory: restored })
    const copy = await openAt(restored)
    expect(await readHistory(copy)).toEqual(await readHistory(log))
    for (let round = 0; round < 3; round++) {
      await append(copy, 20)
      await copy.append({ events: [{ topic: parseTopic('b'), data: 'y'.repeat(9_000) }] })
      expect((await checkLog({ path: restored })).damage).toBeUndefined()
      await backUpLog({ directory: restored, target, isCompact: true, mayReplace: true })
    }
    await copy.close()
    await log.close()
  })

  test('where it cannot be written is told with the name', async () => {
    await fill(1)
    writeFileSync(join(base, 'file'), '')
    const failure = backUpLog({ directory, target: join(base, 'file', 'backup.mdb') })
    await expect(failure).rejects.toMatchObject({
      code: 'LOG_NOT_WRITABLE',
      message: expect.stringContaining('backup.mdb'),
    })
  })

  test.each(['copy', 'compact'])(
    'on a disk that is full is told with its name (%s)',
    async (task) => {
      const log = await openAt(directory)
      await log.append({ events: [{ topic: parseTopic('a'), data: 'x'.repeat(900_000) }] })
      await log.close()
      // Blocks of 512 bytes: 512 KiB, of which a copy of 1 MB has no room.
      const wrapper = ['sh', '-c', 'ulimit -f 1024 && exec "$@"', 'sh']
      const child = startChild('keeper.ts', [task, directory, target], wrapper)
      children.push(child)
      const { outcome } = (await child.line((line) => typeof line === 'object')) as {
        readonly outcome: string
      }
      expect(outcome).toMatch(/The backup ".*backup\.mdb" cannot be written: .*see to the disk/i)
      expect(await readdir(base)).toEqual(['data'])
      child.process.stdin?.end()
      expect(await child.ended).toBe(3)
    },
  )

  test('of what cannot be read is told as that', async () => {
    await mkdir(join(directory, 'data.mdb'), { recursive: true })
    const refusal = {
      code: 'LOG_UNAVAILABLE',
      message: expect.stringMatching(/data".*cannot be read/),
    }
    await expect(backUpLog({ directory, target })).rejects.toMatchObject(refusal)
    await expect(checkLog({ path: directory })).rejects.toMatchObject(refusal)
    await expect(
      restoreLog({ backup: directory, directory: join(base, 'into') }),
    ).rejects.toMatchObject(refusal)
    expect(await readdir(base)).toEqual(['data'])
  })

  test('of nothing makes nothing', async () => {
    await expect(backUpLog({ directory, target })).rejects.toMatchObject({
      code: 'LOG_FORMAT_FOREIGN',
    })
    expect(await readdir(base)).toEqual([])
  })

  test('of a log in use is held by nobody, so that another hub may open it with other settings', async () => {
    const log = await openAt(directory)
    await append(log, 5)
    await backUpLog({ directory, target })
    // By hand, as an operator may.
    const clone = join(base, 'clone')
    await mkdir(clone)
    writeFileSync(join(clone, 'data.mdb'), readFileSync(target))
    const other = await openAt(clone, { durability: 'commit' })
    expect(await readHistory(other)).toEqual(await readHistory(log))
    await other.close()
    await log.close()
  })
})

test('a seal that the user of the hub may not write is replaced, so that every later start is not a slow one', async () => {
  await fill(5)
  const isRoot = process.getuid?.() === 0
  const seal = join(directory, 'seal')
  writeFileSync(seal, 'of root')
  await chmod(seal, 0o444)
  if (isRoot) {
    await chown(base, 65_534, 65_534)
    for (const path of [directory, join(directory, 'data.mdb')]) await chown(path, 65_534, 65_534)
  }
  try {
    if (isRoot) process.seteuid?.(65_534)
    sealDirectory(directory)
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
  const file = new DataFile(join(directory, 'data.mdb'))
  expect(isSealed(directory, file.file)).toBe(true)
  file.close()
})

test('a log of a newer version is neither backed up nor restored as if it had been looked through', async () => {
  await fill(10)
  await backUpLog({ directory, target })
  for (const path of [target, join(directory, 'data.mdb')]) {
    const text = readFileSync(path, 'latin1')
    writeFileSync(
      path,
      text.replaceAll(`tidemark-log","version":${formatVersion}`, 'tidemark-log","version":9'),
      'latin1',
    )
    expect((await checkLog({ path })).summary?.isNewer).toBe(true)
  }
  const refusal = { code: 'LOG_FORMAT_NEWER', message: expect.stringMatching(/newer version/) }
  const other = join(base, 'other.mdb')
  await expect(backUpLog({ directory, target: other })).rejects.toMatchObject(refusal)
  const into = join(base, 'into')
  await expect(restoreLog({ backup: target, directory: into })).rejects.toMatchObject(refusal)
  expect(readdirSync(base).toSorted()).toEqual(['backup.mdb', 'data'])
})

describe('restoring', () => {
  beforeEach(async () => {
    await fill(10)
    await backUpLog({ directory, target })
  })

  test('into an absent or an empty directory gives the log that was backed up', async () => {
    const empty = join(base, 'empty')
    await mkdir(empty)
    for (const into of [empty, join(base, 'absent', 'deep')]) {
      await restoreLog({ backup: target, directory: into })
      const log = await openAt(into)
      expect((await readHistory(log)).length).toBe(10)
      await append(log, 1)
      expect((await readHistory(log)).length).toBe(11)
      await log.close()
    }
  })

  test('needs no second look at the first opening', async () => {
    const into = join(base, 'into')
    await restoreLog({ backup: target, directory: into })
    const file = new DataFile(join(into, 'data.mdb'))
    expect(isSealed(into, file.file)).toBe(true)
    file.close()
  })

  test('a copy that was torn on its way is neither put in place nor sealed as sound', async () => {
    const log = await openAt(directory)
    await log.append({ events: [{ topic: parseTopic('a'), data: 'x'.repeat(60_000) }] })
    await log.close()
    await backUpLog({ directory, target, mayReplace: true })
    const before = readdirSync(directory)
    const restored = restoreLog({
      backup: target,
      directory,
      mayReplace: true,
      onProgress: ({ step, done, all }) => {
        if (step !== 'copying' || done < all) return
        const scratch = readdirSync(directory).find((name) => name.endsWith('.partial')) ?? ''
        const path = join(directory, scratch, 'data.mdb')
        const bytes = readFileSync(path)
        const at = bytes.indexOf('x'.repeat(50_000)) + 20_000
        writeFileSync(path, bytes.fill('y', at, at + 1))
      },
    })
    await expect(restored).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
    expect(readdirSync(directory)).toEqual(before)
  })

  test('over a log is refused, and moves it aside when told', async () => {
    await fill(5)
    await expect(restoreLog({ backup: target, directory })).rejects.toMatchObject({
      code: 'LOG_NOT_EMPTY',
    })
    const { movedTo = '' } = await restoreLog({ backup: target, directory, mayReplace: true })
    const log = await openAt(directory)
    expect((await readHistory(log)).length).toBe(10)
    await log.close()
    expect((await checkLog({ path: movedTo })).summary?.records).toBe(15)
    expect(compareSeal(movedTo)).toBe('same')
    expect(await readdir(directory)).not.toContain('.restore')
  })

  test('is broken off at any step: the log that was there opens, or the one that was restored', async () => {
    await fill(5)
    const { renameSync, linkSync, mkdirSync } = fs
    const original = { renameSync, linkSync, mkdirSync }
    let outcomes = ''
    for (let step = 1; !outcomes.endsWith('restored '); step++) {
      const at = join(base, `step-${step}`)
      await cp(directory, at, { recursive: true })
      let calls = 0
      // As if the process were killed there.
      for (const [name, call] of Object.entries(original)) {
        const broken = (...given: readonly unknown[]): unknown => {
          const isOfRestore = given.some((path) => String(path).includes(at))
          if (isOfRestore && ++calls >= step)
            throw Object.assign(new Error('killed'), { syscall: name })
          return Reflect.apply(call, fs, given)
        }
        Object.assign(fs, { [name]: broken })
      }
      syncBuiltinESMExports()
      const restored = restoreLog({ backup: target, directory: at, mayReplace: true })
      outcomes += await restored.then(
        () => 'restored ',
        () => 'killed ',
      )
      Object.assign(fs, original)
      syncBuiltinESMExports()
      const log = await openAt(at)
      expect([10, 15], `step ${step}`).toContain((await readHistory(log)).length)
      await append(log, 1)
      await log.close()
      const again = await restoreLog({ backup: target, directory: at, mayReplace: true })
      expect(again.summary?.records).toBe(10)
    }
    expect(outcomes).toMatch(/^(killed ){4,}restored $/)
  })

  test('that was broken off by an older version, or by hand, is told as that and goes on', async () => {
    await fill(5)
    const aside = join(directory, 'before-restore-2026-11-27T00-00-00Z')
    await mkdir(aside)
    for (const name of readdirSync(directory).filter((each) => !each.startsWith('before')))
      fs.renameSync(join(directory, name), join(aside, name))
    const refusal = {
      code: 'LOG_DAMAGED',
      message: expect.stringMatching(/before-restore-2026.*broken off.*tidemark restore <backup>/),
    }
    await expect(openAt(directory)).rejects.toMatchObject(refusal)
    await expect(backUpLog({ directory, target, mayReplace: true })).rejects.toMatchObject(refusal)
    expect((await checkLog({ path: directory })).damage).toMatch(/before-restore-2026.*broken off/)
    for (const mayReplace of [true, false]) {
      await restoreLog({ backup: target, directory, mayReplace })
      expect((await checkLog({ path: directory })).summary?.records).toBe(10)
      rmSync(join(directory, 'data.mdb'))
      for (const name of ['wake', 'seal', 'lock.mdb'])
        rmSync(join(directory, name), { force: true })
    }
    expect((await checkLog({ path: aside })).summary?.records).toBe(15)
  })

  test('in place of data that is lost or damaged works', async () => {
    for (const bytes of [undefined, '', Buffer.alloc(40_000)]) {
      const log = await openAt(join(base, 'lost'))
      await append(log, 3)
      await log.close()
      const data = join(base, 'lost', 'data.mdb')
      if (bytes !== undefined) writeFileSync(data, bytes)
      await restoreLog({ backup: target, directory: join(base, 'lost'), mayReplace: true })
      expect((await checkLog({ path: join(base, 'lost') })).summary?.records).toBe(10)
      await removeDirectory(join(base, 'lost'))
    }
  })

  test('into a directory of something else is refused, also when told to replace', async () => {
    const other = join(base, 'other')
    await mkdir(other)
    writeFileSync(join(other, 'thesis.txt'), 'precious')
    for (const mayReplace of [false, true]) {
      await expect(
        restoreLog({ backup: target, directory: other, mayReplace }),
      ).rejects.toMatchObject({
        code: 'LOG_NOT_EMPTY',
        message: expect.stringContaining('thesis.txt'),
      })
    }
    expect(readdirSync(other)).toEqual(['thesis.txt'])
  })

  test('under a process that holds the directory is refused', async () => {
    const child = startChild('appender.ts', [directory, 'a', '0', '1'])
    children.push(child)
    await child.line(() => countAcknowledged(child) > 5)
    await expect(restoreLog({ backup: target, directory, mayReplace: true })).rejects.toMatchObject(
      {
        code: 'LOG_HELD',
      },
    )
    const log = await openAt(directory)
    await append(log, 1)
    await log.close()
  })

  test('a damaged backup changes nothing', async () => {
    const bytes = readFileSync(target)
    writeFileSync(target, bytes.fill(0, 2 * 4_096, 4 * 4_096))
    const before = readdirSync(directory)
    await expect(restoreLog({ backup: target, directory, mayReplace: true })).rejects.toMatchObject(
      {
        code: 'LOG_DAMAGED',
        message: expect.stringContaining('backup.mdb'),
      },
    )
    expect(readdirSync(directory)).toEqual(before)
  })

  test('what is not a backup is told so', async () => {
    writeFileSync(target, 'a text')
    for (const backup of [target, join(base, 'nothing'), base]) {
      await expect(restoreLog({ backup, directory: join(base, 'into') })).rejects.toMatchObject({
        code: 'LOG_FORMAT_FOREIGN',
      })
    }
    expect(existsSync(join(base, 'into'))).toBe(false)
  })

  test('a stopped directory is as good as a backup, and one in use is not', async () => {
    await restoreLog({ backup: directory, directory: join(base, 'into') })
    expect((await checkLog({ path: join(base, 'into') })).summary?.records).toBe(10)
    const log = await openAt(directory)
    await expect(
      restoreLog({ backup: directory, directory: join(base, 'again') }),
    ).rejects.toMatchObject({ code: 'LOG_HELD' })
    await log.close()
  })

  test('as root leaves nothing that the user of the hub could not seal, write or remove', async () => {
    // As another user than root this says that nothing is given away.
    const uid = process.getuid?.() === 0 ? 65_534 : (process.getuid?.() ?? 0)
    await fill(5)
    const paths = (): readonly string[] => [
      directory,
      ...readdirSync(directory, { recursive: true }).map((name) => join(directory, String(name))),
    ]
    for (const path of paths()) await chown(path, uid, statSync(path).gid)
    await restoreLog({ backup: target, directory, mayReplace: true })
    const owners = paths().map((path) => [path, statSync(path).uid])
    expect(owners.length).toBeGreaterThan(5)
    expect(owners).toEqual(owners.map(([path]) => [path, uid]))
  })

  test('through a link goes where the link goes', async () => {
    await mkdir(join(base, 'disk'))
    await symlink(join(base, 'disk'), join(base, 'link'))
    await restoreLog({ backup: target, directory: join(base, 'link') })
    expect(statSync(join(base, 'disk', 'data.mdb')).size).toBeGreaterThan(0)
  })
})
