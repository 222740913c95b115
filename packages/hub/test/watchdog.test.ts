// Workers that are asked how they are, and hang or have many streams: by a clock that tests turn,
// and with real processes.

import {
  countConnections,
  createFakeClock,
  isRunning,
  listChildren,
  waitUntil,
} from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../src/index.ts'
import { watchLimits } from '../src/limits.ts'
import type { WatchLimits } from '../src/limits.ts'
import { HeldCertificate } from '../src/tls/held-certificate.ts'
import { loadCertificate } from '../src/tls/load-certificate.ts'
import { startWorkers } from '../src/workers/start-workers.ts'
import { Watchdog } from '../src/workers/watchdog.ts'
import { makeCertificate } from './support/certificate.ts'
import { connectHttp2, follow } from './support/http2.ts'
import { beginStream, openLiveStream } from './support/live-stream.ts'
import { makeDirectory } from './support/test-hub.ts'

interface Watched {
  readonly dog: Watchdog
  readonly told: readonly string[]
  readonly advance: (ms: number) => void
}

/** A watchdog, and what it has done: `ask`, `silent`, `hung`. */
function watch(): Watched {
  const clock = createFakeClock()
  const told: string[] = []
  const dog = new Watchdog({
    limits: watchLimits,
    clock,
    ask: () => told.push('ask'),
    onSilent: () => told.push('silent'),
    onHung: () => told.push('hung'),
  })
  dog.start()
  return { dog, told, advance: (ms) => clock.advance(ms) }
}

test('a worker that answers is asked again every second, and left alone', () => {
  const { dog, told, advance } = watch()
  for (let i = 0; i < 60; i++) {
    dog.answered()
    advance(1_000)
  }
  expect(told).toEqual(Array.from({ length: 61 }, () => 'ask'))
})

test('a worker that does not answer is asked once, gets nothing new after 3 s and is given up after 15', () => {
  const { told, advance } = watch()
  advance(2_999)
  expect(told).toEqual(['ask'])
  advance(1)
  expect(told).toEqual(['ask', 'silent'])
  advance(11_999)
  expect(told).toEqual(['ask', 'silent'])
  advance(1)
  expect(told).toEqual(['ask', 'silent', 'hung'])
  advance(60_000)
  expect(told).toEqual(['ask', 'silent', 'hung'])
})

test('a worker that answers late, time and again, is not given up', () => {
  const { dog, told, advance } = watch()
  for (let i = 0; i < 10; i++) {
    advance(14_000)
    dog.answered()
    advance(1_000)
  }
  expect(told).not.toContain('hung')
  expect(told.filter((what) => what === 'silent')).toHaveLength(10)
})

test('a watchdog that is told to stop asks nothing more', () => {
  const { dog, told, advance } = watch()
  dog.stop()
  advance(60_000)
  expect(told).toEqual(['ask'])
})

interface RealHub {
  readonly port: number
  readonly lines: readonly string[]
  readonly listWorkers: () => readonly number[]
}

/** Two real workers of this process. */
async function startRealHub(
  limits: WatchLimits,
  more: Readonly<Record<string, string>> = {},
): Promise<RealHub> {
  const directory = await makeDirectory()
  const flags = { port: '0', data: directory, workers: '2', ...more }
  const lines: string[] = []
  const config = loadConfig({ flags, env: {}, directory })
  const { tls } = config
  const hub = await startWorkers(config, (text) => lines.push(text), {
    watch: limits,
    held: tls && new HeldCertificate({ certificate: loadCertificate(tls) }),
  })
  onTestFinished(() => hub.close())
  const { port } = new URL(hub.url)
  return { port: Number(port), lines, listWorkers: () => listChildren(process.pid) }
}

/** Stops a process as a loop without end would: it runs no more code, and its connections stay open. */
function hang(pid: number): void {
  process.kill(pid, 'SIGSTOP')
  onTestFinished(() => {
    if (isRunning(pid)) process.kill(pid, 'SIGKILL')
  })
}

test('a worker that hangs is killed and replaced, and its clients come back to workers that serve', async () => {
  // On a busy machine a worker that is well may be late by a second.
  const hub = await startRealHub({ everyMs: 100, silentLooks: 2, hungLooks: 30 })
  const streams = await Promise.all(
    Array.from({ length: 8 }, () => openLiveStream(hub.port, 'topic=a')),
  )
  const [hung = 0, healthy = 0] = hub.listWorkers()
  hang(hung)
  await waitUntil('it is replaced', () => hub.lines.some((line) => line.endsWith(' serves.')))
  expect(hub.lines.slice(0, 2)).toEqual([
    `worker 1 (process ${hung}) hangs: it has not answered for 3000 ms and is killed.`,
    `worker 1 (process ${hung}) was killed by SIGKILL; another starts now.`,
  ])
  await waitUntil('its clients know', () => streams.filter((each) => each.isClosed).length === 4)
  const again = await Promise.all(
    Array.from({ length: 4 }, () => openLiveStream(hub.port, 'topic=a')),
  )
  expect(again.every((each) => !each.isClosed)).toBe(true)
  expect(hub.listWorkers()).toContain(healthy)
})

test('a worker that stands still for a while is passed over, and gets its share again once it goes on', async () => {
  const hub = await startRealHub({ everyMs: 20, silentLooks: 1, hungLooks: 1_000_000 })
  const workers = hub.listWorkers()
  const [silent = 0] = workers
  hang(silent)
  const streams = Array.from({ length: 9 }, () => beginStream(hub.port, 'topic=a'))
  const countServed = (): number => streams.filter(({ text }) => text.includes('ready')).length
  // One may have been handed to it before it counted as silent.
  await waitUntil('the others are served', () => countServed() >= 8)
  process.kill(silent, 'SIGCONT')
  await waitUntil('that one is served too', () => countServed() === 9)
  // On a busy machine it may count as silent for another look or two, and the next ones go to the other.
  await waitUntil('it has its share', async () => {
    await openLiveStream(hub.port, 'topic=a')
    const counts = workers.map((worker) => countConnections(worker, hub.port))
    return Math.max(...counts) - Math.min(...counts) <= 1 && Math.min(...counts) >= 8
  })
  expect(hub.listWorkers()).toEqual(workers)
  expect(hub.lines).toEqual([])
})

test('sessions that share one HTTP/2 connection count one by one for where the next ones go', async () => {
  const certificate = await makeCertificate()
  onTestFinished(() => certificate.remove())
  const limits = { everyMs: 5, silentLooks: 1_000_000, hungLooks: 1_000_000 }
  const hub = await startRealHub(limits, certificate.flags)
  const session = connectHttp2(hub.port)
  await Promise.all(Array.from({ length: 40 }, () => follow(session, '/events?topic=a')))
  const compare = (): number => {
    const [few = 0, many = 0] = hub
      .listWorkers()
      .map((worker) => countConnections(worker, hub.port))
      .toSorted((a, b) => a - b)
    return many - few
  }
  await waitUntil('the worker without them has many more connections', async () => {
    await follow(connectHttp2(hub.port), '/events?topic=a')
    return compare() >= 10
  })
})
