// `tidemark backup`, `restore` and `check` as processes, beside a hub that runs.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFakeClock, waitUntil } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { ProgressLine } from '../src/progress-line.ts'
import { kill, makeDirectory, run, start, startHub } from './program.ts'
import type { HubProcess } from './program.ts'

const lines = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `${from + i}\n`).join('')

async function publish(hub: HubProcess, from: number, count: number): Promise<void> {
  const { code, stderr } = await run(['publish', '--lines', 'numbers'], {
    env: hub.env,
    input: lines(from, count),
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
}

/** Reads `count` events from the earliest on, or after a cursor. */
async function read(
  hub: HubProcess,
  count: number,
  from: readonly string[],
): Promise<readonly string[]> {
  const args = ['subscribe', 'numbers', '--count', String(count), '--json', ...from]
  const { stdout } = await run(args, { env: hub.env })
  return stdout.trim().split('\n')
}

const numberOf = (line: string): number => (JSON.parse(line) as { readonly data: number }).data

test('a hub is backed up while it runs, lost, restored, and its clients are told of a gap and go on with what is new', async () => {
  const directory = makeDirectory()
  const data = join(directory, 'events')
  const hub = await startHub({ directory })
  await publish(hub, 0, 50)
  const backup = await run(['backup', join(directory, 'backups/'), '--data', data])
  expect(backup.code).toBe(0)
  const file = backup.stdout.trim()
  expect(file).toMatch(/backups\/tidemark-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.mdb$/)
  expect(backup.stderr).toMatch(/tidemark: 5\d records in .*, looked through\.\n/)
  await publish(hub, 50, 10)
  const last = (await read(hub, 60, ['--since', 'earliest'])).at(-1) ?? ''
  const { cursor } = JSON.parse(last) as { readonly cursor: string }

  const held = await run(['restore', file, '--data', data, '--replace'])
  expect(held.code).toBe(73)
  expect(held.stderr).toMatch(/held by .*Stop the hub first.*\(LOG_HELD\)\n$/)
  await kill(hub.child)
  const occupied = await run(['restore', file, '--data', data])
  expect(occupied.code).toBe(73)
  expect(occupied.stderr).toMatch(
    /holds a log.*\(LOG_NOT_EMPTY\) Here the option is --replace\.\n$/,
  )
  const foreign = await run(['restore', file, '--data', join(directory, 'backups')])
  expect(foreign.stderr).toMatch(/and no log\..*\(LOG_NOT_EMPTY\)\n$/)
  expect(foreign.stderr).not.toContain('--replace')
  const restored = await run(['restore', file, '--data', data, '--replace'])
  expect(restored.code).toBe(0)
  expect(restored.stderr).toMatch(/what was there is in .*before-restore-/)
  expect(restored.stdout).toMatch(/holds the 5\d records of .*\.mdb\.\n$/)

  const again = await startHub({ directory })
  await publish(again, 100, 5)
  const history = await read(again, 55, ['--since', 'earliest'])
  expect(history.map((line) => numberOf(line))).toEqual([
    ...Array.from({ length: 50 }, (_, i) => i),
    ...Array.from({ length: 5 }, (_, i) => 100 + i),
  ])
  const back = await run(['subscribe', 'numbers', '--count', '5', '--json', '--after', cursor], {
    env: again.env,
  })
  expect(
    back.stdout
      .trim()
      .split('\n')
      .map((line) => numberOf(line)),
  ).toEqual([100, 101, 102, 103, 104])
  expect(back.stderr).toMatch(/gap: .*\(epoch\)/)
})

test('check tells what is there, and ends with 1 when something is damaged', async () => {
  const directory = makeDirectory()
  const hub = await startHub({ directory })
  await publish(hub, 0, 500)
  const data = join(directory, 'events')
  const running = await run(['check', data])
  expect(running).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/is sound\.\n {2}records .*held/s),
  })
  const repaired = await run(['check', data, '--repair-clock'])
  expect(repaired).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/nothing was changed\.\n$/),
  })
  await kill(hub.child)
  const path = join(data, 'data.mdb')
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.fill(0, bytes.length / 2, bytes.length / 2 + 8_192))
  const damaged = await run(['check', data])
  expect(damaged.code).toBe(1)
  expect(damaged.stdout).toMatch(/is damaged\. Keep it as it is.*\n {2}seen {5}\S/)
  const { code, stderr } = await start(['serve', '--port', '0', '--data', data]).ended
  expect(code).toBe(73)
  expect(stderr).toMatch(
    /^tidemark: The data of .* is damaged: .*tidemark restore .*\(LOG_DAMAGED\)\n$/,
  )
})

test('check does not call damaged what it cannot read', async () => {
  const directory = makeDirectory()
  // As root every file can be read, and a directory still cannot.
  mkdirSync(join(directory, 'data.mdb'))
  const { code, stdout, stderr } = await run(['check', directory])
  expect(code).toBe(74)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/cannot be read: EISDIR.*\(LOG_UNAVAILABLE\)\n$/)
  expect(stderr).not.toMatch(/stored|damaged/)
})

test('check does not call sound what only a newer version can check', async () => {
  const directory = makeDirectory()
  const hub = await startHub({ directory })
  await publish(hub, 0, 5)
  await kill(hub.child)
  const data = join(directory, 'events')
  const path = join(data, 'data.mdb')
  const text = readFileSync(path, 'latin1').replaceAll(
    /tidemark-log","version":\d/g,
    'tidemark-log","version":9',
  )
  writeFileSync(path, text, 'latin1')
  for (const options of [[], ['--repair-clock']]) {
    const { code, stdout } = await run(['check', data, ...options])
    expect(code).toBe(73)
    expect(stdout).toMatch(/was written by a newer version.*Check it with that version/)
    expect(stdout).not.toMatch(/sound|records/)
  }
})

test('a backup replaces a file only when told', async () => {
  const directory = makeDirectory()
  await startHub({ directory })
  const target = join(directory, 'one.mdb')
  const args = ['backup', target, '--data', join(directory, 'events')]
  expect((await run(args)).code).toBe(0)
  const refused = await run(args)
  expect(refused.code).toBe(73)
  expect(refused.stderr).toMatch(
    /one\.mdb" exists.*\(BACKUP_EXISTS\) Here the option is --overwrite\.\n$/,
  )
  expect((await run([...args, '--overwrite', '--compact'])).code).toBe(0)
  expect(readdirSync(directory).toSorted()).toEqual(['events', 'one.mdb'])
})

test('a backup that is broken off while it copies dies of the signal, by no crash, and leaves nothing', async () => {
  const directory = makeDirectory()
  const hub = await startHub({ directory })
  const input = `${'x'.repeat(1_000_000)}\n`.repeat(50)
  const filled = await run(['publish', '--lines', 'large'], { env: hub.env, input })
  expect(filled.code).toBe(0)
  const target = join(directory, 'backups')
  mkdirSync(target)
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    for (const options of [[], ['--compact']]) {
      const args = ['backup', join(target, 'b.mdb'), '--data', join(directory, 'events')]
      const { child, ended } = start([...args, ...options])
      await waitUntil('the copy is on its way', () =>
        readdirSync(target).some((name) => existsSync(join(target, name, 'data.mdb'))),
      )
      child.kill(signal)
      const { code, stdout } = await ended
      // A shell says of either 128 and the signal's number.
      expect([signal, exitCode]).toContain(child.signalCode ?? code)
      expect(stdout).toBe('')
      expect(readdirSync(target)).toEqual([])
    }
  }
})

test('the directory comes from the settings of the hub unless it is named', async () => {
  const directory = makeDirectory()
  await startHub({ directory })
  writeFileSync(join(directory, 'tidemark.config.json'), '{"data": "./events"}')
  const { code } = await start(['backup', 'copy.mdb'], { directory }).ended
  expect(code).toBe(0)
  expect(existsSync(join(directory, 'copy.mdb'))).toBe(true)
})

test('a terminal gets a bar in place, anything else a line per step and then one in ten seconds', () => {
  const reports = [
    { step: 'copying', done: 0, all: 1_000 },
    { step: 'copying', done: 500, all: 1_000 },
    { step: 'checking', done: 0, all: 2_048 },
  ] as const
  const shown: string[] = []
  const clock = createFakeClock()
  const output = (isTTY: boolean) => ({
    isTTY,
    write: (text: string) => shown.push(text),
    remark: (text: string) => shown.push(`${text}\n`),
  })
  const plain = new ProgressLine(output(false), clock)
  for (const report of reports) plain.show(report)
  clock.advance(10_000)
  plain.show({ step: 'checking', done: 1_024, all: 2_048 })
  plain.end()
  expect(shown).toEqual([
    'copying: 0 % of 1000 B\n',
    'checking: 0 % of 2.0 KiB\n',
    'checking: 50 % of 2.0 KiB\n',
  ])
  shown.length = 0
  const bar = new ProgressLine(output(true), clock)
  bar.show(reports[0])
  clock.advance(100)
  bar.show(reports[1])
  bar.end()
  expect(shown).toEqual([
    `\r\u001b[2Kcopying  [${'-'.repeat(30)}]   0 %  0 B of 1000 B`,
    `\r\u001b[2Kcopying  [${'#'.repeat(15)}${'-'.repeat(15)}]  50 %  500 B of 1000 B`,
    '\r\u001b[2K',
  ])
})
