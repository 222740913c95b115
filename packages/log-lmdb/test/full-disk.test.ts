// A disk that runs full while events are published, played by a limit on the size of files.

import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { startChild } from './children/start-child.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

interface Report {
  readonly failures: readonly string[]
  readonly acknowledged: number
  readonly stored: number
  readonly tailed: number
}

const isReport = (line: unknown): line is Report =>
  typeof line === 'object' && line !== null && 'failures' in line

test('a full disk refuses appends with LOG_UNAVAILABLE, loses nothing acknowledged, and appends go on when there is space', async () => {
  const directory = await makeDirectory()
  // Blocks of 512 bytes: 4 MiB. Only the soft limit, so that it can be lifted again.
  const child = startChild(
    'filler.ts',
    [directory],
    ['sh', '-c', 'ulimit -S -f 8192 && exec "$@"', 'sh'],
  )
  try {
    const full = (await child.line(isReport)) as Report
    expect(full.acknowledged).toBeGreaterThan(10)
    expect(full.stored).toBe(full.acknowledged)
    expect(full.failures.length).toBeGreaterThanOrEqual(4)
    for (const failure of full.failures)
      expect(failure).toMatch(/^LOG_UNAVAILABLE: Storage failed while storing events/)
    execFileSync('prlimit', ['--pid', String(child.process.pid), '--fsize=unlimited'])
    child.process.stdin?.end('there is space\n')
    const again = (await child.line((line) => isReport(line) && line !== full)) as Report
    expect(again.failures).toEqual([])
    expect(again.stored).toBe(full.stored + 3)
    expect(again.tailed).toBe(again.stored)
    expect(await child.ended).toBe(0)
    expect(child.lines.filter((line) => !isReport(line))).toEqual([])
    const log = await openAt(directory)
    expect(log.stats().records).toBe(again.stored)
    await log.close()
  } finally {
    child.process.kill('SIGKILL')
    await child.ended
    await removeDirectory(directory)
  }
})
