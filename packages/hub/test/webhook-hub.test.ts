// Webhooks of hubs as they run in earnest: killed, with several workers, and asked about by an operator.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPublisher } from '@tidemark/client'
import { createRandom, listChildren, startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { openLiveStream } from './support/live-stream.ts'
import { WebhookReceiver, secret } from './support/webhook-receiver.ts'

interface Site {
  readonly start: (webhook: object, ...args: readonly string[]) => Promise<HubProcess>
}

/** A directory in which hubs are started, one after another, on one port. */
function openSite(): Site {
  const directory = mkdtempSync(join(tmpdir(), 'webhook-hub-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  let port: number | undefined
  return {
    async start(webhook, ...args) {
      const config = join(directory, 'hub.json')
      const whole = { id: 'billing', secret, allowPrivate: true, ...webhook }
      writeFileSync(config, JSON.stringify({ webhooks: [whole] }))
      const dataDirectory = join(directory, 'data')
      const hub = await startHubProcess({
        port,
        dataDirectory,
        args: [`--config=${config}`, ...args],
      })
      onTestFinished(() => hub.stop())
      port = hub.port
      return hub
    },
  }
}

interface State {
  readonly webhooks: readonly {
    readonly id: string
    readonly url: string
    readonly node: string | null
    readonly cursor: string | null
  }[]
}

const ask = async (hub: HubProcess, path: string): Promise<unknown> =>
  (await fetch(`${hub.url}${path}`)).json()

async function untilSent(hub: HubProcess): Promise<void> {
  await waitUntil('somebody sends it', async () => {
    const { webhooks } = (await ask(hub, '/admin/webhooks')) as State
    return webhooks[0]?.node !== null && webhooks[0]?.cursor !== null
  })
}

const count = (to: number): number[] => Array.from({ length: to }, (_, i) => i)

test('a hub that is killed again and again loses no event for an endpoint that is slow, fails and moves', async () => {
  const random = createRandom(11)
  const answer = async (): Promise<number | 'cut'> => {
    await new Promise((resolve) => setImmediate(resolve))
    return random.pick([200, 200, 200, 200, 503, 'cut'] as const)
  }
  const first = await WebhookReceiver.start(answer)
  const second = await WebhookReceiver.start(answer)
  const site = openSite()
  let published = 0
  for (const round of count(3)) {
    const receiver = round < 2 ? first : second
    const hub = await site.start({ url: receiver.url, pattern: 'orders/**' })
    if (round === 0) await untilSent(hub)
    const publisher = createPublisher(`${hub.url}/publish`)
    for (const _ of count(10)) {
      const topics = ['orders/a', 'orders/b', 'orders/c']
      await publisher.publishAll(topics.map((topic) => ({ topic, data: published })))
      published++
    }
    const before = receiver.attempts.length
    await waitUntil('it is being sent', () => receiver.attempts.length > before + 5)
    await hub.kill('SIGKILL')
  }
  const hub = await site.start({ url: second.url, pattern: 'orders/**' })
  const all = [first, second]
  const dataOf = (topic: string): readonly unknown[] => {
    const seen = new Set<string>()
    const taken = all.flatMap(({ taken: some }) => some)
    const own = taken.filter(
      ({ id, data }) => data.topic === topic && !seen.has(id) && seen.add(id),
    )
    return own.map(({ data }) => data.data)
  }
  await waitUntil('all have come', () => dataOf('orders/c').length >= published, {
    watch: () => second.attempts.length,
  })
  for (const topic of ['orders/a', 'orders/b', 'orders/c']) {
    await waitUntil('the topic is whole', () => dataOf(topic).length >= published)
    expect(dataOf(topic)).toEqual(count(published))
  }
  expect(all.flatMap(({ faults }) => faults)).toEqual([])
  expect(await ask(hub, '/admin/webhooks')).toMatchObject({ webhooks: [{ id: 'billing' }] })
})

test('of two workers one sends, and the other one goes on when it is killed', async () => {
  const receiver = await WebhookReceiver.start()
  const hub = await openSite().start({ url: receiver.url, pattern: 'orders/**' }, '--workers=2')
  await untilSent(hub)
  const publisher = createPublisher(`${hub.url}/publish`)
  for (const n of count(20)) await publisher.publish('orders/a', { data: n })
  await waitUntil('all have come', () => receiver.dataOf('orders/a').length === 20)
  expect(receiver.attempts).toHaveLength(20)
  for (const pid of listChildren(hub.pid ?? 0)) {
    const before = receiver.dataOf('orders/a').length
    process.kill(pid, 'SIGKILL')
    await waitUntil('the hub answers', () =>
      publisher.publish('orders/a', { data: before }).then(
        () => true,
        () => false,
      ),
    )
    await waitUntil('it has come', () => receiver.dataOf('orders/a').length > before)
  }
  expect(receiver.dataOf('orders/a')).toEqual(count(22))
})

test('sessions that connect and disconnect are told of in their order, with the reason and how long they lasted', async () => {
  const receiver = await WebhookReceiver.start()
  const site = openSite()
  const webhook = { url: receiver.url, events: ['session.connected', 'session.disconnected'] }
  const hub = await site.start(webhook, '--workers=2')
  await untilSent(hub)
  const asked = count(20).map(() => openLiveStream(hub.port, 'topic=orders/a&topic=b/*'))
  const streams = await Promise.all(asked)
  const ofType = (type: string): typeof receiver.taken =>
    receiver.taken.filter((message) => message.type === type)
  await waitUntil('all are told of', () => ofType('session.connected').length === 20)
  for (const stream of streams) stream.socket.destroy()
  await waitUntil('all ends are told of', () => ofType('session.disconnected').length === 20)
  for (const { data } of ofType('session.disconnected')) {
    expect(data.reason).toBe('disconnected')
    expect(data.durationMs).toBeGreaterThanOrEqual(0)
    const own = receiver.taken.filter((message) => message.data.session === data.session)
    expect(own.map(({ type }) => type)).toEqual(['session.connected', 'session.disconnected'])
    expect(own[0]?.data).toMatchObject({ topics: 2, resumed: false })
  }
  const last = await openLiveStream(hub.port, 'topic=orders/a')
  await waitUntil('it is told of', () => ofType('session.connected').length === 21)
  // The next hub on the same data tells of the sessions that ended with this one.
  await receiver.close()
  await hub.stop()
  expect(last.text).toContain('tidemark.bye')
  await receiver.listen()
  await site.start(webhook)
  await waitUntil('its end is told of', () => ofType('session.disconnected').length === 21)
  expect(ofType('session.disconnected').at(-1)?.data.reason).toBe('draining')
})

test('an operator sees webhooks without their secrets, their last attempts, and has one go on from elsewhere', async () => {
  const receiver = await WebhookReceiver.start()
  const hub = await openSite().start({ url: receiver.url, pattern: 'orders/**' })
  await untilSent(hub)
  const publisher = createPublisher(`${hub.url}/publish`)
  await publisher.publish('orders/a', { data: 1 })
  await waitUntil('it has come', () => receiver.taken.length === 1)
  const text = JSON.stringify(await ask(hub, '/admin/webhooks'))
  expect(text).not.toContain('hidden')
  expect(text).not.toContain(secret)
  expect(JSON.parse(text)).toMatchObject({
    webhooks: [
      { id: 'billing', pattern: 'orders/**', events: ['event'], allowPrivate: true, error: null },
    ],
  })
  const replay = (id: string, body: string): Promise<Response> =>
    fetch(`${hub.url}/admin/webhooks/${id}/replay`, { method: 'POST', body })
  const replayed = await replay('billing', '{"from":"earliest"}')
  expect(replayed.status).toBe(202)
  await waitUntil('it has come again', () => receiver.taken.length === 2)
  await waitUntil('both are listed', async () => {
    const { deliveries } = (await ask(hub, '/admin/webhooks/billing/deliveries')) as {
      readonly deliveries: readonly unknown[]
    }
    return deliveries.length === 2
  })
  for (const [id, body, status, code] of [
    ['other', '{"from":"earliest"}', 404, 'WEBHOOK_UNKNOWN'],
    ['billing', '{"from":"yesterday"}', 400, 'WEBHOOK_REPLAY_INVALID'],
    ['billing', '{}', 400, 'WEBHOOK_REPLAY_INVALID'],
    ['billing', '{"from":"earliest","to":1}', 400, 'WEBHOOK_REPLAY_INVALID'],
    ['billing', '[', 400, 'BODY_NOT_JSON'],
  ] as const) {
    const answer = await replay(id, body)
    expect([answer.status, await answer.json()]).toMatchObject([status, { code }])
  }
  const foreign = await fetch(`${hub.url}/admin/webhooks`, {
    headers: { origin: 'https://evil.example' },
  })
  expect(foreign.status).toBe(403)
})
