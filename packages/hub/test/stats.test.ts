// `GET /stats`: what a hub has counted, in one process, and how workers and their supervising process add up.

import { addStats, emptyStats } from '@tidemark/server'
import type { NodeStats } from '@tidemark/server'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { statsAnswerMs } from '../src/limits.ts'
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

test('requests that come together ask the supervising process once', async () => {
  let asked = 0
  const stats = new HubStats(createFakeClock(), () => (asked += 1))
  const both = [stats.read(), stats.read()]
  stats.heard(withOpen(1, 1))
  expect(await Promise.all(both)).toEqual([withOpen(1, 1), withOpen(1, 1)])
  expect(asked).toBe(1)
  const later = stats.read()
  stats.heard(withOpen(2, 2))
  expect(await later).toEqual(withOpen(2, 2))
  expect(asked).toBe(2)
  // An answer that nobody waits for.
  stats.heard(withOpen(3, 3))
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
