// Events with an end of their own: the tables agree afterwards, and topics that such events leave empty are
// known and forgotten like others.

import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { parseTopic } from '@tidemark/log'
import type { NewEvent } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { checkLog } from '../src/index.ts'
import type { LmdbEventLog } from '../src/index.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const directories: string[] = []

afterEach(async () => {
  for (const directory of directories.splice(0)) await removeDirectory(directory)
})

async function makeOne(): Promise<string> {
  const directory = await makeDirectory()
  directories.push(directory)
  return directory
}

async function expectSound(directory: string, log: LmdbEventLog): Promise<void> {
  await log.close()
  expect((await checkLog({ path: directory })).damage).toBeUndefined()
}

const someEvents = fc.array(
  fc.record({
    topic: fc.constantFrom('a', 'b', 's/1', 's/2', 'few'),
    key: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
    ttlMs: fc.option(fc.constantFrom(1_000, 5_000, 60_000), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 5 },
)

test('the tables of a log agree, whatever has ended, was superseded or trimmed', async () => {
  const steps = fc.array(fc.oneof(someEvents, fc.constantFrom(500, 3_000, 100_000_000)), {
    minLength: 1,
    maxLength: 15,
  })
  const retention = {
    rules: [
      { pattern: 's/*', latestBy: 'key' as const },
      { pattern: 'few', maxEvents: 2 },
    ],
  }
  await fc.assert(
    fc.asyncProperty(steps, async (each) => {
      const directory = await makeOne()
      const clock = createFakeClock()
      const log = await openAt(directory, { clock, durability: 'commit', retention })
      for (const step of each) {
        // No timer runs: the sweep below does what is due.
        if (typeof step === 'number') clock.set(clock.now() + step)
        else
          await log.append({
            events: step.map((one, i) => ({
              ...one,
              topic: parseTopic(one.topic),
              data: `${i}`,
            })),
          })
        await log.sweep()
      }
      await expectSound(directory, log)
    }),
    { numRuns: 25 },
  )
})

test('topics that were left empty without a mark are forgotten in their turn, and their heads are known to have moved', async () => {
  const directory = await makeOne()
  const clock = createFakeClock()
  const retention = { maxBytes: 400_000 }
  const log = await openAt(directory, { clock, durability: 'commit', retention })
  const { head: start } = await log.bounds()
  const nameOf = (round: number, i: number): string => `gone/${round}/${i}/`.padEnd(30, 't')
  for (let round = 0; round < 4; round++) {
    const events: NewEvent[] = Array.from({ length: 2_000 }, (_, i) => ({
      topic: parseTopic(nameOf(round, i)),
      data: '',
      ttlMs: 1_000,
    }))
    await log.append({ events })
    clock.advance(2_000)
    await log.sweep()
  }
  expect(log.stats().records).toBe(0)
  for (const [round, i] of [
    [0, 0],
    [3, 1_999],
  ] as const) {
    const late = log.append({
      events: [{ topic: parseTopic(nameOf(round, i)), data: 'x' }],
      ifHead: start,
    })
    await expect(late).rejects.toMatchObject({ code: 'HEAD_MOVED' })
  }
  await log.close()
  const { damage, summary } = await checkLog({ path: directory })
  expect(damage).toBeUndefined()
  expect(summary?.topics).toBeLessThan(8_000)
})
