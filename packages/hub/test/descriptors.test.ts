// A hub and the file descriptors it may have.

import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { DescriptorWatch } from '../src/descriptor-watch.ts'
import { describeShortage, planConnections, planHandovers } from '../src/descriptors.ts'
import { descriptorLookMs } from '../src/limits.ts'

const sixWorkers = { maxSessions: 110_000, workers: 6 }

test.each([
  { holdings: sixWorkers, limit: 20_000, plan: { sessionsMax: 18_334, connectionsMax: 19_334 } },
  { holdings: sixWorkers, limit: Infinity, plan: { sessionsMax: 18_334, connectionsMax: 19_334 } },
  { holdings: sixWorkers, limit: 1_024, plan: { sessionsMax: 831, connectionsMax: 924 } },
  {
    holdings: { maxSessions: 50, workers: 1 },
    limit: 1_024,
    plan: { sessionsMax: 50, connectionsMax: 924 },
  },
  {
    holdings: { maxSessions: 10_000, workers: 1 },
    limit: 64,
    plan: { sessionsMax: 1, connectionsMax: 2 },
  },
])(
  'of $holdings.maxSessions sessions in $holdings.workers processes with $limit files each is planned what fits',
  ({ holdings, limit, plan }) => {
    expect(planConnections(holdings, limit)).toEqual(plan)
  },
)

test('the supervising process never has more on the way than it may have open', () => {
  expect(planHandovers({ workers: 6 }, Infinity)).toBe(32_768)
  expect(planHandovers({ workers: 6 }, 20_000)).toBe(19_876)
  expect(planHandovers({ workers: 6 }, 1_024)).toBe(900)
  expect(planHandovers({ workers: 64 }, 64)).toBe(1)
})

test('an operator whose limit is too low is told what each process holds, and what to do', () => {
  expect(describeShortage(sixWorkers, 20_000)).toBe(undefined)
  expect(describeShortage(sixWorkers, Infinity)).toBe(undefined)
  expect(describeShortage({ maxSessions: 10_000, workers: 1 }, 11_100)).toBe(undefined)
  expect(describeShortage({ maxSessions: 10_000, workers: 1 }, 1_024)).toBe(
    'A process may have 1024 files open, and --max-sessions 10000 needs 11100: the hub holds 831 sessions at most; more are told to come back later. Raise the limit (ulimit -n 11100 before the start, LimitNOFILE=11100 in systemd, --ulimit nofile=11100 in Docker), or lower --max-sessions, or share them among --workers.',
  )
  expect(describeShortage({ maxSessions: 100, workers: 64 }, 600)).toMatch(
    /needs \d+ in each of 64 workers.* accepts in smaller portions/,
  )
})

test('descriptors that run out all the same are told once, and once when there are some again', async () => {
  const clock = createFakeClock()
  const lines: string[] = []
  const changes: boolean[] = []
  let code: string | undefined
  const watch = new DescriptorWatch({
    clock,
    say: (text) => lines.push(text),
    onChange: (isOutOfDescriptors) => changes.push(isOutOfDescriptors),
    probe: async () => code,
  })
  const look = async (found: string | undefined): Promise<void> => {
    code = found
    clock.advance(descriptorLookMs)
    await new Promise(setImmediate)
  }
  await look(undefined)
  await look('EMFILE')
  await look('EMFILE')
  expect([lines.length, changes, watch.isOutOfDescriptors]).toEqual([1, [true], true])
  expect(lines[0]).toMatch(/no file descriptors left \(EMFILE\).*Raise ulimit -n/)
  await look(undefined)
  expect([lines[1], changes]).toEqual(['There are file descriptors again.', [true, false]])
  watch.stop()
  expect(clock.pending).toBe(0)
})
