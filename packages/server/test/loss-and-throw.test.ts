// Conflation behind a loss, and a sink that throws before its head.

import { memoryLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import { get, sendRaw, serve } from './support/node-server.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'

test.each([false, true])('conflation goes on behind a loss: %s', async (hasLoss) => {
  const clock = createFakeClock()
  const log = memoryLog({ clock, retention: { rules: [{ pattern: 'short', maxEvents: 1 }] } })
  const tide = createTidemark({
    authorize: 'everyone',
    log,
    clock,
    rules: { lag: [{ pattern: 'prices', whenLagging: 'conflate' }] },
  })
  const client = new TestClient()
  const sink = client.connect()
  await tide.open(sink, parseSubscriptionQuery(new URLSearchParams('topics=prices,short')))
  await settle()
  sink.block()
  await tide.publish('prices', { data: 'first' })
  await settle()
  for (let i = 0; i < 6; i++)
    await tide.publishAll(
      Array.from({ length: 1_000 }, (_, j) => ({ topic: 'prices', data: `${i * 1000 + j}` })),
    )
  if (hasLoss) for (let i = 0; i < 3; i++) await tide.publish('short', { data: 's' })
  await settle()
  sink.unblock()
  for (let i = 0; i < 300; i++) await settle()
  // The first, the newest price, and the three of `short`, which are in memory still.
  expect(client.published.length).toBeLessThanOrEqual(hasLoss ? 5 : 2)
})

test('a sink that throws before its head leaves no connection open behind it', async () => {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  await tide.ready
  const server = await serve((request, response) => {
    response.statusMessage = 'bad\n'
    void tide.subscribe(request, response)
  })
  const client = sendRaw(server.port, get('/?topic=a'))
  let closed = false
  client.socket.on('close', () => (closed = true))
  await expect.poll(() => closed).toBe(true)
  await server.close()
})
