// The parts of the load tester that decide what its figures mean.

import { createRandom } from '@tidemark/testkit'
import { collectGarbage } from '@tidemark/testkit'
import { expect, test, vi } from 'vitest'
import { holesMax } from '../src/bench/limits.ts'
import { findBottlenecks } from '../src/bench/bottleneck.ts'
import type { Judged } from '../src/bench/bottleneck.ts'
import { checkDescriptors } from '../src/bench/descriptors.ts'
import { Histogram } from '../src/bench/histogram.ts'
import { MarkerReader, writeMarker } from '../src/bench/marker.ts'
import type { Plan } from '../src/bench/plan.ts'
import { ReaderTally } from '../src/bench/reader-tally.ts'
import { SequenceTally } from '../src/bench/sequence-tally.ts'
import { Subscriber } from '../src/bench/subscriber.ts'

test('percentiles are at most 1.6 % above the exact ones, also after a merge', () => {
  const random = createRandom(4)
  const values = Array.from({ length: 20_000 }, () => Math.floor(10 ** (random.next() * 8)))
  const half = new Histogram()
  const whole = new Histogram()
  for (const [index, value] of values.entries()) (index % 2 === 0 ? half : whole).add(value)
  whole.merge(half.toSparse())
  values.sort((a, b) => a - b)
  for (const share of [0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = values[Math.ceil(share * values.length) - 1] ?? 0
    const measured = whole.percentile(share)
    expect(measured).toBeGreaterThanOrEqual(exact)
    expect(measured).toBeLessThanOrEqual(exact * 1.016)
  }
  expect(whole.max).toBe(values.at(-1))
  expect(new Histogram().percentile(0.99)).toBe(0)
})

test('a marker is read back from any wrapping, and no other run’s is taken for it', () => {
  const marker = {
    topic: 3,
    sequence: 41,
    settled: 39,
    dueMicros: 12_345_678,
    sentMicros: 12_346_000,
  }
  const data = writeMarker('0a1b2c3d', marker, 128)
  expect(data).toHaveLength(128)
  const reader = new MarkerReader('0a1b2c3d')
  for (const text of [data, `{"text":"${data}"}`]) {
    expect(reader.read(text)).toBe(true)
    expect(reader).toMatchObject(marker)
  }
  for (const text of ['', 'news', data.slice(0, 30), data.replace('0a1b2c3d', 'ffffffff')]) {
    expect(reader.read(text)).toBe(false)
  }
})

test('a stream’s account tells missing, doubled and misplaced events apart', () => {
  const tally = new SequenceTally()
  tally.expectAll()
  // 2 and 3 overlap, so their order is free; 6 was answered before 7 was sent; 8 never comes.
  for (const [sequence, settled] of [
    [1, 0],
    [3, 1],
    [2, 1],
    [4, 3],
    [4, 3],
    [7, 6],
    [5, 4],
    [6, 5],
    [9, 7],
  ] as const) {
    tally.add(sequence, settled)
  }
  expect(tally).toMatchObject({ received: 8, duplicated: 1, outOfOrder: 2 })
  expect(tally.countMissing(10, () => false)).toBe(2)
  expect(tally.countMissing(10, (sequence) => sequence === 8)).toBe(1)
  expect(tally.isComplete(9)).toBe(false)
})

test('a stream that opened late owes only what follows its first event', () => {
  const tally = new SequenceTally()
  for (const sequence of [5, 6, 8]) tally.add(sequence, 0)
  expect(tally.countMissing(8, () => false)).toBe(1)
})

const noTimes = { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, p9999: 0, max: 0 }

const idle: Judged = {
  settings: {
    connections: 1,
    rampMs: 0,
    durationMs: 1,
    topics: 1,
    rate: 10,
    payloadBytes: 128,
    processes: 1,
  },
  connections: {
    ...{ asked: 1, opened: 1, failed: 0, failures: [], reconnects: 0, interruptions: [] },
    connectMs: noTimes,
  },
  publishes: null,
  generator: {
    cores: 8,
    processes: [{ role: 'read', cpuMean: 0.3, cpuMax: 0.4, loopMean: 0.4, loopDelayMs: 2 }],
  },
  server: null,
  load: { from: 0, to: 1 },
  seconds: [{ second: 0, machineCpu: 1 }],
}

test('a generator with time to spare does not warn; one at its limit says whose figures these are', () => {
  expect(findBottlenecks(idle)).toEqual([])
  const busy = { role: 'read', cpuMean: 0.97, cpuMax: 1, loopMean: 1, loopDelayMs: 2 } as const
  expect(findBottlenecks({ ...idle, generator: { cores: 8, processes: [busy] } })).toEqual([
    "The load generator used 97 % of a core: the figures are its limit, not the server's. Raise --processes (now 1, this machine has 8 cores), or lower --rate or --connections.",
  ])
  const starved = { ...busy, cpuMean: 0.2 }
  expect(findBottlenecks({ ...idle, generator: { cores: 8, processes: [starved] } })).toEqual([
    expect.stringContaining('had work 100 % of the time but got 20 % of a core') as string,
  ])
})

test('connections that this machine has no port for are not the server’s failures', () => {
  const failures = [{ reason: 'EADDRNOTAVAIL', count: 12 }]
  const connections = { ...idle.connections, failed: 12, failures }
  expect(findBottlenecks({ ...idle, connections })).toEqual([
    expect.stringMatching(/^12 connections found no free port.*ip_local_port_range/) as string,
  ])
})

test('connections that this machine has no file descriptor for are counted together, with what to raise', () => {
  const failures = [
    { reason: 'EMFILE', count: 7 },
    { reason: 'ECONNREFUSED', count: 4 },
    { reason: 'ENFILE', count: 2 },
  ]
  const connections = { ...idle.connections, failed: 13, failures }
  expect(findBottlenecks({ ...idle, connections })).toEqual([
    '9 connections found no free file descriptor on this machine. Raise the limit with ulimit -n, or raise --processes.',
  ])
})

test('a reader that stood still says how long, from 50 ms on; the publisher’s loop is not in the latencies', () => {
  const reader = { role: 'read', cpuMean: 0.1, cpuMax: 0.2, loopMean: 0.2 } as const
  const warn = (loopDelayMs: number): string[] => {
    const publisher = { ...reader, role: 'publish', loopDelayMs: 500 } as const
    const readers = [
      { ...reader, loopMean: 0.3, loopDelayMs: 2 },
      { ...reader, loopDelayMs },
    ]
    return findBottlenecks({ ...idle, generator: { cores: 8, processes: [publisher, ...readers] } })
  }
  expect(warn(49.9)).toEqual([])
  expect(warn(107.4)).toEqual([
    expect.stringMatching(/^The load generator stood still for 107 ms at times/) as string,
  ])
})

test('a machine with all cores busy under load is told when the server is on it too', () => {
  const server = {
    ...{ pids: [1], cpuMean: 1, cpuMax: 1, cpuMicrosPerDelivery: 1 },
    ...{ memoryBeforeBytes: 1, memoryMaxBytes: 1, memoryLastBytes: 1 },
  }
  const load = { from: 1, to: 3 }
  const warn = (...shares: (number | null)[]): string[] => {
    const seconds = shares.map((machineCpu, second) => ({ second, machineCpu }))
    return findBottlenecks({ ...idle, server, load, seconds })
  }
  expect(warn(0, 0.98, 0.96, 0)).toEqual([
    expect.stringMatching(/^All cores of this machine were busy \(97 %\)/) as string,
  ])
  // Seconds before and after the load do not count, nor those that could not be measured.
  expect(warn(1, 0.5, null, 1)).toEqual([])
  const seconds = [{ second: 1, machineCpu: 1 }]
  expect(findBottlenecks({ ...idle, server: null, load, seconds })).toEqual([])
})

test('publishes that could not leave are told with who held them up', () => {
  const publishes = {
    ...{ due: 100, sent: 50, late: 10, heldUp: 3, acknowledged: 50, failed: 0 },
    ...{ failures: [], acknowledgeMs: noTimes },
  }
  expect(findBottlenecks({ ...idle, publishes })).toEqual([
    expect.stringMatching(
      /50 % were never sent: the server left 512 earlier ones unanswered/,
    ) as string,
    expect.stringMatching(
      /^20 % of the publishes left more than 10 ms after they were due/,
    ) as string,
  ])
})

test('too few file descriptors are told before the load, with what to type', () => {
  const plan = { connections: 10_000, processes: 2 } as Plan
  expect(() => checkDescriptors(plan, 1024)).toThrow(
    /need 5064 file descriptors each.*ulimit -n 5064/,
  )
  expect(() => checkDescriptors(plan, 20_000)).not.toThrow()
})

test('streams of a server that loses every other event remember 24 bytes for each, up to a number, and count them all', () => {
  const tallies = Array.from({ length: 50 }, () => new SequenceTally())
  for (const tally of tallies) tally.expectAll()
  const before = collectGarbage()
  for (const tally of tallies)
    for (let sequence = 2; sequence <= 8 * holesMax; sequence += 2) tally.add(sequence, 0)
  const each = (collectGarbage() - before) / tallies.length
  // Without the bound it would be four times as much. Half as much again is for what the machine does
  // besides: it compiles what has become hot.
  expect(each).toBeLessThan(1.5 * 24 * holesMax)
  for (const tally of tallies)
    expect(tally.countMissing(8 * holesMax, () => false)).toBe(4 * holesMax)
})

test('events that come after all are taken out of their holes, at the ends, in the middle and alone', () => {
  const random = createRandom(20_261_127)
  for (let round = 0; round < 50; round++) {
    const tally = new SequenceTally()
    tally.expectAll()
    const last = 200
    const order = Array.from({ length: last }, (_, i) => i + 1)
      .filter(() => random.next() < 0.8)
      .map((sequence) => ({ sequence, at: sequence + random.int(30) }))
      .toSorted((a, b) => a.at - b.at)
    for (const { sequence } of order) tally.add(sequence, 0)
    expect(tally.received).toBe(order.length)
    expect(tally.duplicated).toBe(0)
    expect(tally.countMissing(last, () => false)).toBe(last - order.length)
    for (const { sequence } of order) tally.add(sequence, 0)
    expect(tally.duplicated).toBe(order.length)
  }
})

test.for([
  [undefined, 1_000],
  [0, 250],
  [50, 250],
  [5_000, 5_000],
  [1e300, 30_000],
] as const)(
  'a stream that ended after `retry: %s` is opened again after %i ms',
  ([retryMs, delayMs]) => {
    const subscriber = new Subscriber({
      url: new URL('http://127.0.0.1:2/'),
      headers: [],
      topic: 0,
      marker: new MarkerReader('run'),
      originMicros: 0,
      isPublished: true,
      tally: new ReaderTally(),
      onSettled: () => undefined,
    })
    subscriber.opened()
    if (retryMs !== undefined) subscriber.retry(retryMs)
    const set = vi.spyOn(globalThis, 'setTimeout')
    subscriber.ended({ reason: 'the server ended the stream' })
    expect(set.mock.calls.map(([, delay]) => delay)).toEqual([delayMs])
    set.mockRestore()
    subscriber.stop()
  },
)
