// Of all nodes one sends a webhook: what a node does that is stopped, or stood still.

import { memoryLog } from '@tidemark/log'
import type { EventLog, EventRecord, NewBatch } from '@tidemark/log'
import { waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
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

/** The nodes that have the lease, one after another; null where it is given up. */
async function followHolders(log: EventLog): Promise<readonly (string | null)[]> {
  const holders: (string | null)[] = []
  const { head } = await log.bounds()
  const tail = log.tail(head, {
    records(records) {
      for (const { key, data } of records) {
        const holder = /"node":"(\w+)"/.exec(data)?.[1] ?? null
        if (key === 'lease billing' && holder !== holders.at(-1)) holders.push(holder)
      }
    },
  })
  onTestFinished(() => tail.close())
  return holders
}

/** A log that hands over to nobody while it is held. */
function holdTails(log: EventLog): { readonly log: EventLog; hold(): void; release(): void } {
  let isHeld = false
  const waiting: (() => void)[] = []
  const tail: EventLog['tail'] = (after, own) => {
    let position = after
    const records = (some: readonly EventRecord[]): void => {
      position = some.at(-1)?.position ?? position
      own.records(some)
    }
    const given = log.tail(after, {
      ...own,
      records: (some) => (isHeld ? void waiting.push(() => records(some)) : records(some)),
    })
    return {
      get position() {
        return position
      },
      close: () => given.close(),
    }
  }
  return {
    log: new Proxy(log, {
      get: (target, name: keyof EventLog) =>
        name === 'tail' ? tail : (target[name] as () => unknown).bind?.(target),
    }),
    hold: () => (isHeld = true),
    release() {
      isHeld = false
      for (const each of waiting.splice(0)) each()
    },
  }
}

test('a node that stood still leaves a webhook to the one that has taken it over, whatever its clock says', async () => {
  const log = memoryLog()
  const holders = await followHolders(log)
  const receiver = await WebhookReceiver.start()
  const { leases } = quick
  const held = holdTails(log)
  const clock = new StoppingClock()
  await openNode(held.log, receiver.url, { node: 'one', clock, leases })
  const next = await openNode(log, receiver.url, { node: 'two', leases })
  held.hold()
  clock.stop()
  await waitUntil('the other one has taken over', () => next.list()[0]?.node === 'two')
  // As of a machine that was suspended: to its clock no time has passed.
  clock.setBack(60_000)
  clock.resume()
  await publish(log, 'orders/1', '1')
  await waitUntil('it has come', () => receiver.taken.length === 1)
  held.release()
  for (let n = 2; n < 12; n++) {
    await publish(log, 'orders/1', String(n))
    await waitUntil('it has come', () => receiver.dataOf('orders/1').at(-1) === n)
  }
  expect(holders).toEqual(['one', 'two'])
})

test('a node that stood still and whose webhook nobody has taken goes on with it', async () => {
  const log = memoryLog()
  const receiver = await WebhookReceiver.start()
  const { leases } = quick
  const clock = new StoppingClock()
  const node = await openNode(log, receiver.url, { node: 'one', clock, leases })
  // By the clock of day its lease lasts, and it may not rely on that.
  clock.pass(leases.lifeMs)
  clock.setBack(60_000)
  expect(node.list()[0]?.node).toBe('one')
  await publish(log, 'orders/1', '1')
  await waitUntil('it has come', () => receiver.taken.length === 1)
})

test('a lease that is being renewed while its node closes is given up all the same', async () => {
  const log = memoryLog()
  const holders = await followHolders(log)
  const receiver = await WebhookReceiver.start()
  let go: (() => void) | undefined
  let isSlow = false
  const slow = new Proxy(log, {
    get: (target, name: keyof EventLog) =>
      name === 'append'
        ? async (batch: NewBatch) => {
            const [first] = batch.events
            const isRenewal = first?.key === 'lease billing' && first.data.includes('"node"')
            if (isSlow && isRenewal) await new Promise<void>((resolve) => (go = resolve))
            return target.append(batch)
          }
        : (target[name] as () => unknown).bind?.(target),
  })
  const { leases } = quick
  const node = await openNode(slow, receiver.url, { node: 'one', leases })
  await publish(log, 'orders/1', '1')
  await waitUntil('it has come', () => receiver.taken.length === 1)
  isSlow = true
  await waitUntil('it is being renewed', () => go !== undefined)
  const stopped = node.stop()
  // Turns in which all ends that does not wait for the renewal.
  for (let n = 0; n < 50; n++) await publish(log, 'other', String(n))
  go?.()
  await stopped
  await publish(log, 'other', 'behind the renewal')
  expect(holders).toEqual(['one', null])
})
