// `GET /stats`: what a hub has counted, in one process, and how workers and their supervising process add up.

import { addStats, emptyStats } from '@tidemark/server'
import type { NodeStats } from '@tidemark/server'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { KeptAnswer } from '../src/kept-answer.ts'
import { statsAnswerMs, statsFreshMs } from '../src/limits.ts'
import { HubStats } from '../src/workers/hub-stats.ts'
import { HubTotals } from '../src/workers/hub-totals.ts'
import { Worker } from '../src/workers/worker.ts'
import { openLiveStream } from './support/live-stream.ts'
import { startTestHub } from './support/test-hub.ts'

const withOpen = (sessions: number, opened: number): NodeStats => ({
  ...emptyStats,
  now: { ...emptyStats.now, nodes: 1, sessions },
  sessions: { ...emptyStats.sessions, opened },
})

test('a hub answers with its counts as JSON, and no topic, user or data is among them', async () => {
  const hub = await startTestHub()
  await openLiveStream(hub.port, 'topic=secret-topic')
  const body = 'secret-data'
  await fetch(`${hub.url}/topics/secret-topic`, { method: 'POST', body })
  await fetch(`${hub.url}/topics/a/../b?x=1`, { method: 'POST', body })
  await fetch(`${hub.url}/events?topic=*a`)
  const answer = await fetch(`${hub.url}/stats`)
  expect(answer.headers.get('content-type')).toBe('application/json')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const text = await answer.text()
  expect(text).not.toContain('secret')
  const stats = JSON.parse(text) as NodeStats
  expect(addStats(stats, emptyStats)).toEqual(stats)
  expect(stats).toMatchObject({
    now: { nodes: 1, sessions: 1 },
    sessions: { opened: 1 },
    published: { publishes: 1, events: 1, bytes: 11 },
    refused: { TOPIC_INVALID: 1 },
  })
  expect((await fetch(`${hub.url}/stats?topic=a`)).status).toBe(400)
  expect((await fetch(`${hub.url}/stats`, { method: 'POST' })).status).toBe(405)
})

test('the counters of a worker that dies stay, and what was open there is lost', () => {
  const totals = new HubTotals<string>()
  expect(totals.sum).toEqual(emptyStats)
  totals.hear('one', withOpen(3, 5))
  totals.hear('two', withOpen(2, 2))
  totals.hear('one', withOpen(4, 7))
  expect(totals.sum).toMatchObject({ now: { nodes: 2, sessions: 6 }, sessions: { opened: 9 } })
  totals.ended('one')
  totals.ended('one')
  totals.ended('never heard of')
  expect(totals.sum).toMatchObject({
    now: { nodes: 1, sessions: 2 },
    sessions: { opened: 9 },
    closed: { lost: 4 },
  })
  // The one that replaces it begins anew.
  totals.hear('one', withOpen(1, 1))
  expect(totals.sum).toMatchObject({ now: { sessions: 3 }, sessions: { opened: 10 } })
})

test('requests within a second ask the supervising process once', async () => {
  let asked = 0
  const clock = createFakeClock()
  const hubStats = new HubStats(clock, () => (asked += 1))
  const stats = new KeptAnswer({ clock, keptMs: statsFreshMs, ask: () => hubStats.read() })
  const both = [stats.read(), stats.read()]
  await new Promise(setImmediate)
  hubStats.heard(withOpen(1, 1))
  expect(await Promise.all(both)).toEqual([withOpen(1, 1), withOpen(1, 1)])
  clock.advance(statsFreshMs - 1)
  expect(await stats.read()).toEqual(withOpen(1, 1))
  expect(asked).toBe(1)
  clock.advance(1)
  const later = stats.read()
  await new Promise(setImmediate)
  hubStats.heard(withOpen(2, 2))
  expect(await later).toEqual(withOpen(2, 2))
  expect(asked).toBe(2)
  // An answer that nobody waits for.
  hubStats.heard(withOpen(3, 3))
})

test('an answer that fails is told to all who wait, and the next who ask begin anew', async () => {
  const clock = createFakeClock()
  let asked = 0
  const answer = new KeptAnswer({
    clock,
    keptMs: statsFreshMs,
    ask: () => {
      asked += 1
      if (asked === 1) throw new Error('not now')
      return asked
    },
  })
  const both = [answer.read(), answer.read()]
  for (const failed of both) await expect(failed).rejects.toThrow('not now')
  expect(await answer.read()).toBe(2)
})

test('a supervising process that does not answer leaves no request waiting', async () => {
  const clock = createFakeClock()
  const stats = new HubStats(clock, () => undefined)
  const asked = stats.read()
  clock.advance(statsAnswerMs)
  await expect(asked).rejects.toMatchObject({ code: 'STATS_UNAVAILABLE', status: 503 })
  stats.heard(withOpen(1, 1))
  const again = stats.read()
  stats.heard(withOpen(2, 2))
  expect(await again).toEqual(withOpen(2, 2))
})

test('a worker that does not serve yet answers a ping without counts', () => {
  const told: object[] = []
  const worker = new Worker({ tell: (message) => told.push(message), exit: () => undefined })
  worker.hear({ kind: 'ping' }, undefined)
  expect(told).toMatchObject([{ kind: 'pong', sessions: 0, stats: undefined }])
})
