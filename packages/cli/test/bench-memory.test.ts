// The server's memory, as the load tester tells it.

import process from 'node:process'
import { expect, test } from 'vitest'
import { assembleResult } from '../src/bench/assemble-result.ts'
import { Histogram } from '../src/bench/histogram.ts'
import { Series } from '../src/bench/series.ts'
import { ServerWatch } from '../src/bench/server-watch.ts'

const noTimes = new Histogram()
const busy = { seconds: 1, cpu: 0, loop: 0, loopDelayMs: 0 }

test('the first look at a server is kept as its memory before the run', () => {
  const watch = new ServerWatch(() => [process.pid])
  expect(watch.look()).toBeUndefined()
  const before = watch.memoryBeforeBytes
  expect(before).toBeGreaterThan(10_000_000)
  const ballast = Buffer.alloc(64 * 1024 * 1024, 1)
  expect(watch.look()?.memoryBytes).toBeGreaterThan(before + ballast.length / 2)
  expect(watch.memoryBeforeBytes).toBe(before)
})

test('the memory of the first second, with streams open already, is not told as the memory before', () => {
  const series = new Series(1)
  for (const [second, memoryBytes] of [70, 90, 80].entries()) {
    const server = { cpu: 0.5, memoryBytes }
    series.addOwn({ second, published: 0, busy, machineCpu: 0, server })
  }
  const target = { url: 'http://a/b', isHub: false, streamUrl: 'http://a/b', streamHeaders: [] }
  const sizes = { connections: 1, rampMs: 0, durationMs: 1, topics: 1, rate: 0, payloadBytes: 128 }
  const result = assembleResult({
    plan: { runId: '0a1b2c3d', target, ...sizes, processes: 1 },
    answerer: { address: '127.0.0.1', server: undefined },
    startedAt: new Date(0),
    isInterrupted: false,
    load: { from: 0, to: 3 },
    publisher: undefined,
    readers: [],
    latency: noTimes,
    latencyFromSend: noTimes,
    between: noTimes,
    series,
    serverPids: [1],
    serverMemoryBeforeBytes: 50,
    serverCpuSeconds: 0,
  })
  expect(result.server).toMatchObject({
    memoryBeforeBytes: 50,
    memoryMaxBytes: 90,
    memoryLastBytes: 80,
  })
})
