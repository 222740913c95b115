// Webhooks against real endpoints: slow, failing, down, and back again.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatCursor, memoryLog, parseTopic, systemClock } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { openLmdbLog } from '@tidemark/log-lmdb'
import { collectGarbage, createRandom, waitUntil } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { topicsAtOnceMax, windowRecordsMax } from '../src/webhooks/limits.ts'
import { StoppingClock, openNode, publish, quick, untilKept } from './support/webhook-node.ts'
import { WebhookReceiver } from './support/webhook-receiver.ts'

const logs: readonly [string, () => Promise<EventLog>][] = [
  ['a log in memory', () => Promise.resolve(memoryLog())],
  ['a log of LMDB', openLmdb],
]

async function openLmdb(): Promise<EventLog> {
  const directory = mkdtempSync(join(tmpdir(), 'webhooks-'))
  const log = await openLmdbLog({ directory, durability: 'commit' })
  onTestFinished(async () => {
    await log.close()
    rmSync(directory, { recursive: true })
  })
  return log
}

const count = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i)

describe.each(logs)('with %s', (_, openLog) => {
  test('an endpoint gets the events of its pattern, signed, each with its cursor, and no others', async () => {
    const log = await openLog()
    const receiver = await WebhookReceiver.start()
    await publish(log, 'orders/1', '"before it was set up"')
    await openNode(log, receiver.url)
    await log.append({
      events: [
        {
          topic: parseTopic('orders/1'),
          type: 'paid',
          data: '{"total":12}',
          key: 'k',
          tags: { region: 'eu' },
        },
        { topic: parseTopic('other'), data: 'x' },
        { topic: parseTopic('orders/2/items'), data: 'no JSON' },
      ],
    })
    await waitUntil('both have come', () => receiver.taken.length === 2)
    const { head } = await log.bounds()
    expect(receiver.taken.map(({ type }) => type)).toEqual(['event', 'event'])
    expect(receiver.taken.map(({ data }) => data)).toEqual(
      expect.arrayContaining([
        {
          topic: 'orders/1',
          type: 'paid',
          key: 'k',
          tags: { region: 'eu' },
          cursor: expect.any(String) as string,
          data: { total: 12 },
        },
        {
          topic: 'orders/2/items',
          type: 'message',
          cursor: expect.any(String) as string,
          data: 'no JSON',
        },
      ]),
    )
    for (const { id, data } of receiver.taken) expect(id).toBe(`billing_${data.cursor}`)
    expect(formatCursor(head) >= String(receiver.taken[0]?.data.cursor)).toBe(true)
    expect(receiver.faults).toEqual([])
  })

  test('an endpoint that fails again and again loses nothing, and each topic keeps its order', async () => {
    const log = await openLog()
    const random = createRandom(3)
    const receiver = await WebhookReceiver.start(() => {
      const dice = random.next()
      if (dice < 0.15) return 'cut'
      return dice < 0.5 ? random.pick([500, 503, 429, 404, 422, 302]) : 200
    })
    const node = await openNode(log, receiver.url)
    const topics = ['orders/a', 'orders/b', 'orders/c', 'orders/d', 'orders/e']
    for (const n of count(0, 60)) for (const topic of topics) await publish(log, topic, String(n))
    await waitUntil('all have come', () => receiver.taken.length >= 300, {
      watch: () => receiver.attempts.length,
    })
    for (const topic of topics) {
      const attempts = receiver.attempts.filter(({ data }) => data.topic === topic)
      const taken = receiver.taken.filter(({ data }) => data.topic === topic)
      expect(taken.map(({ data }) => data.data)).toEqual(count(0, 60))
      // No attempt of a later event before an earlier one was taken.
      expect(attempts.map(({ data }) => Number(data.data))).toEqual(
        attempts.map(({ data }) => Number(data.data)).toSorted((a, b) => a - b),
      )
    }
    expect(receiver.attempts.length).toBeGreaterThan(400)
    await waitUntil('nothing is due', () => node.list()[0]?.failures === 0)
    expect(receiver.faults).toEqual([])
  })

  test('an endpoint that is down gets everything when it is back, and the log does not wait for it', async () => {
    const log = await openLog()
    const receiver = await WebhookReceiver.start()
    await openNode(log, receiver.url)
    await publish(log, 'orders/1', '0')
    await waitUntil('the first has come', () => receiver.taken.length === 1)
    await receiver.close()
    await publish(log, 'orders/1', ...count(1, 200).map(String))
    await receiver.listen()
    await waitUntil('all have come', () => receiver.taken.length >= 200, {
      watch: () => receiver.taken.length,
    })
    expect(receiver.dataOf('orders/1')).toEqual(count(0, 200))
  })

  test('a node that is closed and another one on the same log go on where it was: none is lost, none comes twice', async () => {
    const log = await openLog()
    const receiver = await WebhookReceiver.start()
    for (const round of count(0, 4)) {
      const node = await openNode(log, receiver.url, { node: `node-${round}` })
      await publish(log, 'orders/1', ...count(round * 20, round * 20 + 10).map(String))
      await waitUntil('ten have come', () => receiver.taken.length >= round * 20 + 10)
      // An answer on its way would be cut, and its message would come again.
      await untilKept(node, receiver)
      await node.close()
      await publish(log, 'orders/1', ...count(round * 20 + 10, round * 20 + 20).map(String))
    }
    await openNode(log, receiver.url, { node: 'last' })
    await waitUntil('all have come', () => receiver.taken.length >= 80)
    expect(receiver.taken.map(({ data }) => data.data)).toEqual(count(0, 80))
  })
})

test('of two nodes one sends, and when it is killed the other one goes on', async () => {
  const log = memoryLog()
  const receiver = await WebhookReceiver.start()
  const dying = new StoppingClock()
  const { leases } = quick
  const first = await openNode(log, receiver.url, { node: 'one', clock: dying, leases })
  const second = await openNode(log, receiver.url, { node: 'two', leases })
  await publish(log, 'orders/1', ...count(0, 50).map(String))
  await waitUntil('all have come', () => receiver.taken.length >= 50)
  expect(receiver.attempts).toHaveLength(50)
  expect([first, second].map((node) => node.list()[0]?.node)).toEqual(['one', 'one'])
  // As a process that stands still: its lease is not renewed, and nobody gives it up.
  dying.stop()
  await waitUntil('the other one has taken over', () => second.list()[0]?.node === 'two')
  await publish(log, 'orders/1', ...count(50, 80).map(String))
  await waitUntil('it goes on', () => receiver.dataOf('orders/1').length === 80)
  // Those of the last second come twice, by the same id.
  expect(receiver.dataOf('orders/1')).toEqual(count(0, 80))
  dying.resume()
  await publish(log, 'orders/1', ...count(80, 90).map(String))
  await waitUntil('it goes on alone', () => receiver.dataOf('orders/1').length === 90)
  expect(receiver.dataOf('orders/1')).toEqual(count(0, 90))
  expect(first.list()[0]?.node).toBe('two')
})

test('an event that is refused holds up its own topic alone, and comes when the endpoint relents', async () => {
  const log = memoryLog()
  let relents = false
  const receiver = await WebhookReceiver.start(({ data }) =>
    data.data === 'poison' && !relents ? 422 : 204,
  )
  const node = await openNode(log, receiver.url)
  await publish(log, 'orders/a', '1', 'poison', '2')
  await publish(log, 'orders/b', ...count(0, windowRecordsMax - 3).map(String))
  await waitUntil('the other topic has all', () => receiver.dataOf('orders/b').length === 61)
  await waitUntil('it was tried again', () => receiver.attempts.length > 70)
  expect(receiver.dataOf('orders/a')).toEqual([1])
  await waitUntil('it is said', () => node.list()[0]?.error === 'Status 422.')
  relents = true
  await waitUntil('the rest has come', () => receiver.dataOf('orders/a').length === 3)
  expect(receiver.dataOf('orders/a')).toEqual([1, 'poison', 2])
  expect(new Set(receiver.taken.map(({ id }) => id)).size).toBe(receiver.taken.length)
})

test('an event that is refused is left alone for its pause, while other topics go on', async () => {
  const log = memoryLog()
  const receiver = await WebhookReceiver.start(({ data }) => (data.data === 'poison' ? 422 : 204))
  const retries = { firstMs: 60_000, mostMs: 60_000 }
  await openNode(log, receiver.url, { retries })
  await publish(log, 'orders/a', 'poison', '1')
  for (const n of count(0, 20)) {
    await publish(log, 'orders/b', String(n))
    await waitUntil('it has come', () => receiver.dataOf('orders/b').length === n + 1)
  }
  expect(receiver.attempts.filter(({ data }) => data.topic === 'orders/a')).toHaveLength(1)
})

test('an endpoint that fails is not asked for one topic after the other', async () => {
  const log = memoryLog()
  const receiver = await WebhookReceiver.start(() => 503)
  const retries = { firstMs: 60_000, mostMs: 60_000 }
  const node = await openNode(log, receiver.url, { retries })
  const events = count(0, 50).map((n) => ({ topic: parseTopic(`orders/${n}`), data: 'x' }))
  await log.append({ events })
  await waitUntil('it is said', () => node.list()[0]?.error === 'Status 503.')
  expect(receiver.attempts.length).toBeLessThanOrEqual(topicsAtOnceMax)
  expect(node.list()[0]?.retryAt).toBeGreaterThan(systemClock.now())
})

test('an endpoint that never answers has a few requests, one per topic, and costs the node no memory', async () => {
  const log = await openLmdb()
  const held: (() => void)[] = []
  const receiver = await WebhookReceiver.start(
    () => new Promise((resolve) => held.push(() => resolve(204))),
  )
  await openNode(log, receiver.url)
  await publish(log, 'orders/0', 'first')
  await waitUntil('the first is under way', () => receiver.attempts.length === 1)
  const before = collectGarbage()
  const data = 'x'.repeat(10_000)
  for (const _ of count(0, 300)) {
    const events = count(0, 20).map((n) => ({ topic: parseTopic(`orders/${n}`), data }))
    await log.append({ events })
  }
  expect(collectGarbage() - before).toBeLessThan(8 * 1024 * 1024)
  held.splice(0).forEach((answer) => answer())
  await waitUntil('as many as may be are under way', () => receiver.atOnce === topicsAtOnceMax)
  expect(collectGarbage() - before).toBeLessThan(16 * 1024 * 1024)
  expect(receiver.atOnceMost).toBe(topicsAtOnceMax)
  receiver.answer = () => 204
  held.splice(0).forEach((answer) => answer())
})

test('an endpoint that is slow gets everything in order while more comes than it takes, and costs no memory', async () => {
  const log = await openLmdb()
  const held: (() => void)[] = []
  const receiver = await WebhookReceiver.start(
    () => new Promise((resolve) => held.push(() => resolve(204))),
  )
  await openNode(log, receiver.url)
  const topics = ['orders/a', 'orders/b', 'orders/c']
  const before = collectGarbage()
  let most = 0
  for (const n of count(0, 200)) {
    const data = JSON.stringify({ n, text: 'x'.repeat(40_000) })
    await log.append({ events: topics.map((topic) => ({ topic: parseTopic(topic), data })) })
    // It takes one for nine that come.
    if (n % 3 === 0) {
      await waitUntil('one is under way', () => held.length > 0)
      held.shift()?.()
    }
    if (n % 50 === 49) most = Math.max(most, collectGarbage() - before)
  }
  const late = 3 * 200 - receiver.taken.length
  expect(late).toBeGreaterThan(8 * windowRecordsMax)
  expect(receiver.atOnceMost).toBe(topics.length)
  // What waits are 20 MB. The receiver keeps what it has taken.
  expect(most).toBeLessThan(16 * 1024 * 1024)
  receiver.answer = () => 204
  held.splice(0).forEach((answer) => answer())
  await waitUntil('all have come', () => receiver.taken.length === 600, {
    watch: () => receiver.taken.length,
  })
  for (const topic of topics) {
    const numbers = receiver.dataOf(topic).map((data) => (data as { readonly n: number }).n)
    expect(numbers).toEqual(count(0, 200))
  }
  expect(receiver.faults).toEqual([])
})

test('a replay goes back, or forward over what will never be taken', async () => {
  const log = memoryLog()
  const receiver = await WebhookReceiver.start(({ data }) => (data.data === 'poison' ? 400 : 200))
  const node = await openNode(log, receiver.url)
  await publish(log, 'orders/a', '0', '1', '2')
  await waitUntil('all have come', () => receiver.taken.length === 3)
  const from = receiver.taken[0]?.data.cursor
  expect(await node.replay('billing', from)).toBe(from)
  await waitUntil('two have come again', () => receiver.taken.length === 5)
  expect(receiver.taken.map(({ data }) => data.data)).toEqual([0, 1, 2, 1, 2])
  expect(receiver.taken[3]?.id).toBe(receiver.taken[1]?.id)
  await node.replay('billing', 'earliest')
  await waitUntil('all have come again', () => receiver.taken.length === 8)
  await publish(log, 'orders/a', 'poison', '3')
  await waitUntil('it is refused', () => receiver.attempts.length > 9)
  await node.replay('billing', receiver.attempts.at(-1)?.data.cursor)
  await waitUntil('the rest has come', () => receiver.taken.length === 9)
  expect(receiver.taken.at(-1)?.data.data).toBe(3)
})

test('of two replays that are asked for at once none is left out', async () => {
  const log = memoryLog()
  const receiver = await WebhookReceiver.start()
  const node = await openNode(log, receiver.url)
  await publish(log, 'orders/a', '0', '1', '2')
  await waitUntil('all have come', () => receiver.taken.length === 3)
  const append = log.append.bind(log)
  let replays = 0
  log.append = async (batch) => {
    const isReplay = batch.events[0]?.key === 'replay billing'
    if (isReplay) replays += 1
    // The second one comes into the log when the first one is done.
    if (isReplay && replays === 2)
      await waitUntil('the first is done', () => receiver.taken.length === 4)
    return append(batch)
  }
  const from = receiver.taken[1]?.data.cursor
  await Promise.all([node.replay('billing', from), node.replay('billing', 'earliest')])
  await waitUntil('the second is done', () => receiver.taken.length === 7)
  expect(receiver.taken.map(({ data }) => data.data)).toEqual([0, 1, 2, 2, 0, 1, 2])
})

test.each([['x'], [7], [undefined], ['now']])(
  'a replay from %o is refused with a code',
  async (from) => {
    const log = memoryLog()
    const receiver = await WebhookReceiver.start()
    const node = await openNode(log, receiver.url)
    await expect(node.replay('billing', from)).rejects.toMatchObject({
      code: 'WEBHOOK_REPLAY_INVALID',
    })
    await expect(node.replay('other', 'earliest')).rejects.toMatchObject({
      code: 'WEBHOOK_UNKNOWN',
    })
    await expect(node.deliveries('other')).rejects.toMatchObject({ code: 'WEBHOOK_UNKNOWN' })
  },
)

test('the last attempts can be read, the newest first, without what was sent', async () => {
  const log = memoryLog({ retention: { rules: [{ pattern: '$hub/**', maxEvents: 100 }] } })
  let left = 3
  const receiver = await WebhookReceiver.start(() => (left-- > 0 ? 503 : 200))
  const node = await openNode(log, receiver.url)
  await publish(log, 'orders/a', ...count(0, 150).map((n) => `"secret ${n}"`))
  await waitUntil('all have come', () => receiver.taken.length === 150)
  await node.stop()
  const deliveries = await node.deliveries('billing')
  expect(deliveries).toHaveLength(100)
  expect(deliveries[0]).toMatchObject({
    id: receiver.taken.at(-1)?.id,
    topic: 'orders/a',
    type: 'event',
    attempt: 1,
    outcome: 'delivered',
    status: 200,
  })
  expect(JSON.stringify(deliveries)).not.toContain('secret')
})

test('attempts that failed are listed with their number, and what the endpoint said', async () => {
  const log = memoryLog()
  let left = 2
  const receiver = await WebhookReceiver.start(() => (left-- > 0 ? 503 : 200))
  const node = await openNode(log, receiver.url)
  await publish(log, 'orders/a', '1')
  await waitUntil('it has come', () => receiver.taken.length === 1)
  await untilKept(node, receiver)
  expect(await node.deliveries('billing')).toMatchObject([
    { attempt: 3, outcome: 'delivered', status: 200 },
    { attempt: 2, outcome: 'failed', status: 503 },
    { attempt: 1, outcome: 'failed', status: 503 },
  ])
})

test('an endpoint is told of events that retention has removed before they could be sent, once', async () => {
  const log = memoryLog({ retention: { rules: [{ pattern: 'orders/**', maxEvents: 5 }] } })
  const receiver = await WebhookReceiver.start()
  await openNode(log, receiver.url)
  await receiver.close()
  await publish(log, 'orders/a', ...count(0, 20).map(String))
  await receiver.listen()
  await waitUntil('the rest has come', () => receiver.taken.at(-1)?.data.data === 19)
  const lost = receiver.taken.filter(({ type }) => type === 'lost')
  expect(lost).toHaveLength(1)
  expect(lost[0]?.data).toMatchObject({ reason: 'retention' })
  expect(receiver.dataOf('orders/a').slice(-5)).toEqual([15, 16, 17, 18, 19])
})

test('a redirect is an answer like another failure: nobody follows it', async () => {
  const log = memoryLog()
  const elsewhere = await WebhookReceiver.start()
  let leads = true
  const receiver = await WebhookReceiver.start((_, response) => {
    response.setHeader('Location', elsewhere.url)
    return leads ? 307 : 200
  })
  await openNode(log, receiver.url)
  await publish(log, 'orders/a', '1')
  await waitUntil('it was tried again', () => receiver.attempts.length > 2)
  leads = false
  await waitUntil('it has come', () => receiver.taken.length === 1)
  expect(elsewhere.attempts).toEqual([])
})
