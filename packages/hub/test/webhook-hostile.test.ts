// Endpoints of webhooks that answer what no endpoint should, and clocks that are wrong.

import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { memoryLog, parseTopicSet, systemClock } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { Poster } from '../src/webhooks/post-message.ts'
import type { Outcome } from '../src/webhooks/post-message.ts'
import { StoppingClock, openNode, publish, quick } from './support/webhook-node.ts'
import { WebhookReceiver, secret } from './support/webhook-receiver.ts'

/** The outcome of one message to an endpoint that answers with this text, and cuts the connection if told. */
async function postTo(answer: string, end: 'cut' | 'stays'): Promise<Outcome> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write(answer)
      if (end === 'cut') socket.end()
    })
    onTestFinished(() => void socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const poster = new Poster(
    {
      id: 'billing',
      url: new URL(`http://127.0.0.1:${port}/hook`),
      secret,
      topics: parseTopicSet(['orders/**']),
      own: undefined,
      events: new Set(['event']),
      allowPrivate: true,
      config: { id: 'billing', url: '', secret },
    },
    systemClock,
  )
  onTestFinished(() => {
    poster.close()
    server.close()
  })
  const message = { id: 'a', cursor: 'c', topic: 't', type: 'event', body: '{}' }
  return poster.post(message, new AbortController().signal)
}

test.each([
  [
    'another protocol',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
  ],
  ['no HTTP', '\0\0garbage\r\n\r\n'],
  ['a head without an end', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(100_000)}`],
])(
  'an endpoint that answers with %s fails, and does not hold its webhook up for ever',
  async (_, answer) => {
    expect(await postTo(answer, 'stays')).toMatchObject({ kind: 'failed' })
  },
)

test.each([
  ['nothing', ''],
  ['half a head', 'HTTP/1.1 200 OK\r\nContent-'],
  ['notices alone', 'HTTP/1.1 102 Processing\r\n\r\n'],
])('an endpoint that answers with %s and hangs up fails', async (_, answer) => {
  expect(await postTo(answer, 'cut')).toMatchObject({ kind: 'failed' })
})

test('a node that was killed holds no webhook up where the clock was set back by a day', async () => {
  const log = memoryLog()
  const receiver = await WebhookReceiver.start()
  const { leases } = quick
  const clock = new StoppingClock(24 * 3_600_000)
  let isKilled = false
  const killed: EventLog = {
    append: (batch) => (isKilled ? new Promise(() => undefined) : log.append(batch)),
    read: (query) => log.read(query),
    tail: (after, handler) => log.tail(after, handler),
    locate: (query) => log.locate(query),
    bounds: () => log.bounds(),
    retention: log.retention,
    ruleFor: (topic) => log.ruleFor(topic),
    close: () => log.close(),
  }
  await openNode(killed, receiver.url, { node: 'killed', clock, leases })
  clock.stop()
  isKilled = true
  const next = await openNode(log, receiver.url, { node: 'next', leases })
  await publish(log, 'orders/1', 'late')
  await waitUntil('it has come', () => receiver.taken.length === 1)
  expect(next.list()[0]?.node).toBe('next')
  // So that it can be closed.
  isKilled = false
  clock.resume()
})

test('an endpoint that refuses to be told of lost events gets those that are left', async () => {
  const log = memoryLog({ retention: { rules: [{ pattern: 'orders/**', maxEvents: 2 }] } })
  const receiver = await WebhookReceiver.start()
  await openNode(log, receiver.url)
  await receiver.close()
  receiver.answer = ({ type }) => (type === 'lost' ? 400 : 204)
  await publish(log, 'orders/a', '1', '2', '3', '4', '5')
  await receiver.listen()
  await waitUntil('the rest has come', () => receiver.dataOf('orders/a').length === 2)
  expect(receiver.dataOf('orders/a')).toEqual([4, 5])
  expect(receiver.attempts.filter(({ type }) => type === 'lost')).toHaveLength(1)
})
