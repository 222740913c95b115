// Of all nodes one sends a webhook: what a node does that is stopped, or stood still.

import { memoryLog, parseTopicSet } from '@tidemark/log'
import type { EventLog, EventRecord, TailHandler } from '@tidemark/log'
import { waitUntil } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { StoppingClock, openNode, publish, quick } from './support/webhook-node.ts'
import { WebhookReceiver } from './support/webhook-receiver.ts'

test('a node that is stopped while it tells of a loss sends nothing more, and the next one tells of it', async () => {
  const rules = [{ pattern: 'orders/**', maxEvents: 5 }]
  const log = memoryLog({ retention: { rules } })
  const receiver = await WebhookReceiver.start()
  const first = await openNode(log, receiver.url, { node: 'one' })
  await receiver.close()
  for (const topic of ['orders/a', 'orders/b', 'orders/c'])
    await publish(log, topic, ...Array.from({ length: 20 }, (_, n) => String(n)))
  let answer: (() => void) | undefined
  receiver.answer = () => new Promise((resolve) => (answer = () => resolve('cut')))
  await receiver.listen()
  await waitUntil('it is told of the loss', () => answer !== undefined)
  await first.stop()
  answer?.()
  receiver.answer = () => 204
  expect(receiver.attempts.map(({ type }) => type)).toEqual(['lost'])
  await openNode(log, receiver.url, { node: 'two' })
  const last = (): readonly unknown[] =>
    ['orders/a', 'orders/b', 'orders/c'].map((topic) => receiver.dataOf(topic).at(-1))
  await waitUntil('the rest has come', () => last().every((data) => data === 19))
  expect(receiver.taken[0]?.type).toBe('lost')
  expect(receiver.taken.filter(({ type }) => type === 'lost')).toHaveLength(1)
  expect(receiver.faults).toEqual([])
})
