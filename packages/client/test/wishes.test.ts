// Filters, label and consumer travel with each request of a stream: in its query, or in its body.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTidemark } from '@tidemark/server'
import { expect, onTestFinished, test } from 'vitest'
import { connect, createClient } from '../src/index.ts'
import type { ConnectOptions } from '../src/index.ts'
import { startServer, take } from './stream-server.ts'

const wishes = {
  types: ['paid', 'sent'],
  keys: ['k1'],
  where: { region: ['eu', 'us'], tier: 'gold, or better' },
  label: 'kitchen, left',
} as const

test('a query has each of them, and a reconnect has them again', async () => {
  const server = await startServer(({ index, cut, stream }) => {
    if (index === 0) cut('id: c1\ndata: one\n\n')
    else stream('id: c2\ndata: two\n\n')
  })
  const where = { region: ['eu', 'us'], tier: 'gold' }
  const types = ['paid', 'sent']
  const options = { topics: ['a'], types, keys: ['k1'], where, label: 'left', consumer: 'phone' }
  const feed = connect(server.url, options)
  // A later change of the caller's own lists changes no request.
  types.push('more')
  await take(feed, 2)
  for (const { query } of server.exchanges) {
    expect(query.getAll('types')).toEqual(['paid', 'sent'])
    expect(query.getAll('keys')).toEqual(['k1'])
    expect(query.getAll('where')).toEqual(['region:eu|us', 'tier:gold'])
    expect(query.get('label')).toBe('left')
    expect(query.get('consumer')).toBe('phone')
  }
  expect(server.exchanges).toHaveLength(2)
})

test.each<[what: string, options: ConnectOptions]>([
  ['a comma in a type', { types: ['a,b'] }],
  ['a bar in a value', { where: { region: 'eu|us' } }],
  ['topics too long for a URL', { topics: [`a/${'x'.repeat(4_000)}`], ...wishes }],
])('with %s they go into the body as they are', async (_, given) => {
  let body = ''
  const server = await startServer(({ request, stream }) => {
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => stream('data: x\n\n'))
  })
  await take(connect(server.url, { topics: ['a'], ...given }), 1)
  expect(server.exchanges[0]?.request.method).toBe('POST')
  expect(JSON.parse(body)).toMatchObject(given)
})

test('every link of a client has them, and none has a consumer', async () => {
  const server = await startServer((exchange) => exchange.stream('id: c1\ndata: x\n\n'))
  const options = { types: ['message'], label: 'left', consumer: 'phone' }
  const client = createClient(server.url.replace('/events', ''), options)
  await take(client.feed(['a']), 1)
  await take(client.feed(['b'], { since: 'earliest' }), 1)
  client.close()
  expect(server.exchanges.length).toBeGreaterThanOrEqual(2)
  for (const { query } of server.exchanges) {
    expect(query.getAll('types')).toEqual(['message'])
    expect(query.get('label')).toBe('left')
    expect(query.has('consumer')).toBe(false)
  }
})

test.each<[name: string, value: unknown]>([
  ['types', 'paid, sent'.length],
  ['types', [1]],
  ['keys', { k: 1 }],
  ['where', 'region:eu'],
  ['where', null],
  ['label', 5],
  ['label', [['nested']]],
  ['consumer', true],
])('%s: %j is refused', (name, value) => {
  const options = { topics: ['a'], [name]: value } as ConnectOptions
  expect(() => connect('http://localhost/events', options)).toThrow(
    expect.objectContaining({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining(`${name} must be`),
    }),
  )
})

test('a hub understands them, whichever way they come', async () => {
  const tide = createTidemark({ authorize: 'everyone' })
  const server = createServer((request, response) => void tide.subscribe(request, response))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(async () => {
    await tide.close()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`
  const publish = async (type: string, region: string, data: string): Promise<unknown> =>
    tide.publish('a', { type, key: 'k1', data, tags: { region, tier: 'gold, or better' } })
  await publish('paid', 'jp', 'in Japan')
  await publish('other', 'eu', 'of another type')
  await publish('sent', 'us', 'first')
  await publish('paid', 'eu', 'second')
  const plain = { where: { region: ['eu', 'us'] }, types: ['paid', 'sent'] }
  for (const asked of [plain, wishes]) {
    const feed = connect(url, { topics: ['a'], since: 'earliest', ...asked })
    expect((await take(feed, 2)).map(({ data }) => data)).toEqual(['first', 'second'])
  }
})
