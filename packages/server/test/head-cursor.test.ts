// State that is read first and the stream that begins behind it: nothing between them, nothing twice.

import { memoryLog } from '@tidemark/log'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Grant, Tidemark, TidemarkOptions } from '../src/index.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import { describeRequest } from '../src/fetch/describe-request.ts'
import { parseChosenText } from '../src/request/subscription.ts'
import { readChoice } from '../src/request/topic-choice.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'

function create(options: Partial<TidemarkOptions> = {}): Tidemark {
  const tide = createTidemark({ authorize: 'everyone', ...options })
  onTestFinished(() => tide.close())
  return tide
}

async function follow(tide: Tidemark, query: string, lastEventId?: string): Promise<TestClient> {
  const client = new TestClient()
  const asked = parseSubscriptionQuery(new URLSearchParams(query), lastEventId)
  await tide.open(client.connect(), asked)
  await settle(4)
  return client
}

const dataOf = (client: TestClient): readonly string[] => client.published.map(({ data }) => data)

test('a page that is made of rows goes on behind them, whatever is published meanwhile', async () => {
  const tide = create()
  const rows: string[] = []
  const pay = async (data: string): Promise<void> => {
    rows.push(data)
    await tide.publish('orders', { data })
  }
  await pay('before')
  const cursor = await tide.cursor('orders')
  const page = [...rows]
  await pay('while the page is on its way')
  const client = await follow(tide, `topic=orders&since=${cursor}`)
  await pay('live')
  await settle(4)
  expect([...page, ...dataOf(client)]).toEqual(rows)
  expect(client.control('ready')).toMatchObject([{ resumed: 'exact' }])
})

test('the head is that of the log, also where this node has not handed it over yet', async () => {
  const log = memoryLog()
  const near = create({ log })
  const far = create({ log })
  await near.ready
  const { cursor } = await far.publish('orders', { data: 'a' })
  expect(await near.cursor('orders')).toBe(cursor)
  expect(await near.cursor(['orders', 'chat/**'])).toBe(cursor)
})

test('a client that has a cursor of its own goes on there, not where its page began', async () => {
  const tide = create()
  const since = await tide.cursor('orders')
  const { cursor } = await tide.publish('orders', { data: 'seen' })
  await tide.publish('orders', { data: 'not seen' })
  expect(dataOf(await follow(tide, `topic=orders&since=${since}`, cursor))).toEqual(['not seen'])
  const inUrl = await follow(tide, `topic=orders&since=${since}&lastEventId=${cursor}`)
  expect(dataOf(inUrl)).toEqual(['not seen'])
})

test('a client whose own cursor cannot be read is told, and begins where its page did', async () => {
  const tide = create()
  const since = await tide.cursor('orders')
  await tide.publish('orders', { data: 'a' })
  const client = await follow(tide, `topic=orders&since=${since}`, 'no cursor')
  expect(client.control('gap')).toMatchObject([{ from: null, reason: 'cursor', to: since }])
  expect(dataOf(client)).toEqual(['a'])
})

test('a page that was kept for longer than its events is told of a gap', async () => {
  const log = memoryLog({ retention: { rules: [{ pattern: '**', maxEvents: 1 }] } })
  const before = create({ log })
  const since = await before.cursor('orders')
  for (const data of ['a', 'b', 'c']) await before.publish('orders', { data })
  // Another node has none of them in memory.
  const client = await follow(create({ log }), `topic=orders&since=${since}`)
  expect(client.control('gap')).toMatchObject([{ from: since, reason: 'retention' }])
  expect(dataOf(client)).toEqual(['c'])
})

test('an application begins a stream at a cursor, too', async () => {
  const tide = create()
  const since = await tide.cursor('orders')
  await tide.publish('orders', { data: 'a' })
  const chosen = readChoice({ topics: ['orders'], since })
  if (chosen === undefined) throw new Error('chosen')
  const client = new TestClient()
  await tide.open(client.connect(), parseChosenText('', undefined, { chosen }))
  await settle(4)
  expect(dataOf(client)).toEqual(['a'])
})

test('a client gets the cursor of what it may read, and of nothing else', async () => {
  const grant: Grant = { user: 'ada', subscribe: ['orders/*'] }
  const tide = create({ authorize: () => grant })
  const by = describeRequest(new Request('http://localhost/'))
  expect(await tide.cursor('orders/1', { by })).toBe(await tide.cursor('orders/1'))
  await expect(tide.cursor(['orders/1', 'chat'], { by })).rejects.toMatchObject({
    code: 'TOPIC_FORBIDDEN',
  })
  await expect(create().cursor('$hub/state/rules', { by })).rejects.toMatchObject({
    code: 'TOPIC_RESERVED',
  })
})
