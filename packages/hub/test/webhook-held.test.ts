// Events of webhooks that an endpoint refuses: their topics wait, and nothing else does.

import { memoryLog, parseTopic } from '@tidemark/log'
import { waitUntil } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { heldTopicsMax, windowRecordsMax } from '../src/webhooks/limits.ts'
import { hookCodec } from '../src/webhooks/place.ts'
import { openNode, publish } from './support/webhook-node.ts'
import { WebhookReceiver } from './support/webhook-receiver.ts'

const texts = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(from + i))
const numbers = (from: number, to: number): number[] => texts(from, to).map(Number)

async function start(): Promise<{
  readonly receiver: WebhookReceiver
  readonly relent: () => void
}> {
  let relents = false
  const receiver = await WebhookReceiver.start(({ data }) =>
    data.data === 'poison' && !relents ? 422 : 204,
  )
  return { receiver, relent: () => (relents = true) }
}

const many = 4 * windowRecordsMax

test('a topic whose event is refused waits alone, however much follows, and keeps its order', async () => {
  const log = memoryLog()
  const { receiver, relent } = await start()
  const node = await openNode(log, receiver.url)
  await publish(log, 'orders/a', '0', 'poison', ...texts(1, many))
  await publish(log, 'orders/b', ...texts(0, many))
  await waitUntil('the other topic has all', () => receiver.dataOf('orders/b').length === many)
  await waitUntil('it is said', () => node.list()[0]?.waiting.length === 1)
  const refused = receiver.attempts.find(({ data }) => data.data === 'poison')?.data.cursor
  expect(node.list()[0]?.waiting).toEqual([{ topic: 'orders/a', cursor: refused }])
  expect(receiver.dataOf('orders/a')).toEqual([0])
  relent()
  await waitUntil('the rest has come', () => receiver.dataOf('orders/a').length === many + 1)
  expect(receiver.dataOf('orders/a')).toEqual([0, 'poison', ...numbers(1, many)])
  await waitUntil('nothing waits any more', () => node.list()[0]?.waiting.length === 0)
  await publish(log, 'orders/a', 'last')
  await waitUntil('it goes on', () => receiver.dataOf('orders/a').at(-1) === 'last')
  expect(new Set(receiver.taken.map(({ id }) => id)).size).toBe(receiver.taken.length)
})

test('a replay from the event that is refused leaves it out, and sends nothing else again', async () => {
  const log = memoryLog()
  const { receiver } = await start()
  const node = await openNode(log, receiver.url)
  await publish(log, 'orders/a', 'poison', '1', '2')
  await publish(log, 'orders/b', ...texts(0, many))
  await waitUntil('the other topic has all', () => receiver.dataOf('orders/b').length === many)
  await waitUntil('it is said', () => node.list()[0]?.waiting.length === 1)
  await node.replay('billing', node.list()[0]?.waiting[0]?.cursor)
  await waitUntil('the rest has come', () => receiver.dataOf('orders/a').length === 2)
  expect(receiver.dataOf('orders/a')).toEqual([1, 2])
  expect(receiver.taken).toHaveLength(many + 2)
})

test('a topic that waits goes on at the next node where it was', async () => {
  const log = memoryLog()
  const { receiver, relent } = await start()
  const node = await openNode(log, receiver.url, { node: 'one' })
  await publish(log, 'orders/a', 'poison', '1')
  await publish(log, 'orders/b', ...texts(0, many))
  await waitUntil('the other topic has all', () => receiver.dataOf('orders/b').length === many)
  await node.close()
  relent()
  await publish(log, 'orders/a', '2')
  await openNode(log, receiver.url, { node: 'two' })
  await waitUntil('the rest has come', () => receiver.dataOf('orders/a').length === 3)
  expect(receiver.dataOf('orders/a')).toEqual(['poison', 1, 2])
  expect(receiver.dataOf('orders/b')).toEqual(numbers(0, many))
})

test('topics beyond those that may wait hold the rest up, and nothing is lost', async () => {
  const log = memoryLog()
  const { receiver, relent } = await start()
  const node = await openNode(log, receiver.url)
  const names = Array.from({ length: heldTopicsMax + 5 }, (_, i) => `orders/${i}`)
  const events = names.flatMap((name) => [
    { topic: parseTopic(name), data: 'poison' },
    ...texts(0, 3).map((data) => ({ topic: parseTopic(name), data })),
  ])
  await log.append({ events })
  await waitUntil('as many wait as may', () => node.list()[0]?.waiting.length === heldTopicsMax)
  relent()
  const isAll = (): boolean => names.every((name) => receiver.dataOf(name).length === 4)
  await waitUntil('all have come', isAll)
  for (const name of names) expect(receiver.dataOf(name)).toEqual(['poison', 0, 1, 2])
})

test('a topic that waits is told of what retention removes of it', async () => {
  const log = memoryLog({ retention: { rules: [{ pattern: 'orders/a', maxEvents: 2 }] } })
  const { receiver } = await start()
  await openNode(log, receiver.url)
  await publish(log, 'orders/a', 'poison')
  await publish(log, 'orders/b', ...texts(0, many))
  await waitUntil('the other topic has all', () => receiver.dataOf('orders/b').length === many)
  await publish(log, 'orders/a', '1', '2', '3')
  await waitUntil('the rest has come', () => receiver.dataOf('orders/a').length === 2)
  expect(receiver.dataOf('orders/a')).toEqual([2, 3])
  const lost = receiver.taken.findIndex(({ type }) => type === 'lost')
  expect(lost).toBeGreaterThan(-1)
  expect(lost).toBeLessThan(
    receiver.taken.findIndex(({ data }) => data.data === 2 && data.topic === 'orders/a'),
  )
})

test('a place that was kept before topics had places of their own is read', () => {
  const old = { cursor: 'c', done: [], lostTo: '', replay: 0, failures: 0, error: '', retryAt: 0 }
  expect(hookCodec.decode(JSON.stringify(old))).toEqual({ ...old, held: [] })
})
