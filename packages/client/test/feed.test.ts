// A caller's view of a feed: events, listeners, back-pressure, and nothing left behind.

import { collectGarbage, createFakeClock } from '@tidemark/testkit'
import { expect, test, vi } from 'vitest'
import { attempt } from '../src/attempt.ts'
import { ClientError, connect } from '../src/index.ts'
import type { Feed, FeedEvent } from '../src/index.ts'
import { decodeData } from '../src/decode-event.ts'
import { EventQueue } from '../src/event-queue.ts'
import { queueCostMax, queueItemCost, sliceBytesMax } from '../src/limits.ts'
import { RequestPace } from '../src/request-pace.ts'
import { nextPhase, nextSignal, ready, startServer, take, turn } from './stream-server.ts'

test('an event carries its topic, key, time and decoded data', async () => {
  const server = await startServer((exchange) =>
    exchange.stream(
      'id: c1\nevent: paid\ntopic: orders/42\nkey: k\ntime: 1800000000000\ntags: {"region":"eu"}\ndata: {"total":12}\n\n',
    ),
  )
  const feed = connect(server.url, { topics: ['orders/*', 'x'] })
  expect(await take(feed, 1)).toEqual([
    {
      topic: 'orders/42',
      type: 'paid',
      data: { total: 12 },
      text: '{"total":12}',
      id: 'c1',
      key: 'k',
      tags: { region: 'eu' },
      time: 1_800_000_000_000,
    },
  ])
  const { query, request } = server.exchanges[0] ?? { query: new URLSearchParams() }
  expect(query.getAll('topic')).toEqual(['orders/*', 'x'])
  expect(query.get('fields')).toBe('topic,key,time,tags')
  expect(request?.headers.accept).toBe('text/event-stream, application/problem+json')
})

test.each(['{"region":7}', '["eu"]', 'null', 'eu', '{"region":'])(
  'a line of tags that is no map of texts is left alone: %s',
  async (tags) => {
    const server = await startServer((exchange) => exchange.stream(`tags: ${tags}\ndata: x\n\n`))
    expect((await take(connect(server.url, { topics: ['a'] }), 1))[0]).not.toHaveProperty('tags')
  },
)

test('without a topic line the only topic asked for stands in, a pattern does not', async () => {
  const server = await startServer((exchange) => exchange.stream('data: x\n\n'))
  expect((await take(connect(server.url, { topics: ['a/b'] }), 1))[0]?.topic).toBe('a/b')
  expect((await take(connect(server.url, { topics: ['a/*'] }), 1))[0]?.topic).toBe('')
})

test('a URL without topics goes out as it is', async () => {
  const server = await startServer((exchange) => exchange.stream('data: x\n\n'))
  await take(connect(`${server.url}?sig=a%20b`), 1)
  expect(server.exchanges[0]?.request.url).toBe('/events?sig=a%20b')
})

test('topics too long for a URL go into a POST body', async () => {
  let body = ''
  const server = await startServer(({ request, stream }) => {
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => stream('data: x\n\n'))
  })
  const topics = Array.from({ length: 400 }, (_, i) => `orders/${i}/items`)
  await take(connect(server.url, { topics, since: '5m' }), 1)
  expect(server.exchanges[0]?.request.method).toBe('POST')
  expect(server.exchanges[0]?.request.url).toBe('/events')
  expect(JSON.parse(body)).toEqual({
    topics,
    fields: ['topic', 'key', 'time', 'tags'],
    since: '5m',
  })
})

test.for([
  ['{"a":1}', { a: 1 }],
  [' [1]', [1]],
  ['42', 42],
  ['null', null],
  ['"x"', 'x'],
  ['', ''],
  ['hello', 'hello'],
  ['{broken', '{broken'],
  ['2026-11-20', '2026-11-20'],
  ['true story', 'true story'],
] as const)('data %j is handed over as %j', ([text, data]) => {
  expect(decodeData(text)).toEqual(data)
})

test('a published event named error, gap or open is an event, never a happening of the connection', async () => {
  const server = await startServer((exchange) =>
    exchange.stream(
      `${ready('c0')}event: error\ndata: 1\n\nevent: gap\ndata: 2\n\nevent: open\ndata: 3\n\n`,
    ),
  )
  const feed = connect(server.url, { topics: ['a'] })
  const seen: unknown[] = []
  feed.on('tidemark.gap', () => seen.push('tidemark.gap'))
  feed.on('error', (data, event) => seen.push([event.type, data]))
  feed.on('gap', (data, event) => seen.push([event.type, data]))
  await new Promise<void>((resolve) => {
    feed.on('open', (data, event) => {
      seen.push([event.type, data])
      resolve()
    })
  })
  expect(feed.state.phase).toBe('open')
  expect(seen).toEqual([
    ['error', 1],
    ['gap', 2],
    ['open', 3],
  ])
  feed.close()
})

test('a server cannot forge a state by naming an event tidemark.state', async () => {
  const server = await startServer((exchange) =>
    exchange.stream('event: tidemark.state\ndata: {"phase":"closed"}\n\ndata: x\n\n'),
  )
  const feed = connect(server.url, { topics: ['a'] })
  const phases: string[] = []
  feed.on('tidemark.state', ({ phase }) => phases.push(phase))
  expect(await take(feed, 1)).toHaveLength(1)
  expect(phases).toEqual(['connecting', 'open', 'closed'])
})

test('a snapshot and a deletion are told in their place, so that an application drops what has vanished', async () => {
  const bracket = (phase: string): string =>
    `event: tidemark.snapshot\ndata: {"phase":"${phase}","topic":"prices/eu"}\n\n`
  const server = await startServer((exchange) =>
    exchange.stream(
      `${bracket('begin')}id: c1\nkey: a\ndata: 1\n\nid: c2\n${bracket('end')}id: c3\nevent: tidemark.deleted\nkey: a\ndata: {"key":"a"}\n\n`,
    ),
  )
  const feed = connect(server.url, { topics: ['prices/eu'] })
  const prices = new Map<string, unknown>([['gone', 0]])
  let seen = new Set<string>()
  const states: string[] = []
  const show = (): void => void states.push([...prices.keys()].join())
  feed.on('tidemark.snapshot', ({ phase, topic }) => {
    expect(topic).toBe('prices/eu')
    if (phase === 'begin') seen = new Set()
    else for (const key of prices.keys()) if (!seen.has(key)) prices.delete(key)
    show()
  })
  feed.on('message', (data, { key = '' }) => {
    seen.add(key)
    prices.set(key, data)
    show()
  })
  await new Promise<void>((resolve) => {
    feed.on('tidemark.deleted', (_, { key = '' }) => {
      prices.delete(key)
      show()
      resolve()
    })
  })
  expect(states).toEqual(['gone', 'gone,a', 'a', ''])
  expect(feed.lastEventId).toBe('c3')
  feed.close()
})

test('joins and leaves of a topic are events of it, with a place and listeners', async () => {
  const server = await startServer((exchange) =>
    exchange.stream(
      'id: c1\nevent: tidemark.join\ndata: {"user":"ada"}\n\nid: c2\nevent: tidemark.leave\ndata: {"user":"ada"}\n\n',
    ),
  )
  const feed = connect(server.url, { topics: ['rooms/1'] })
  const heard: unknown[] = []
  feed.on('tidemark.join', (data, { id }) => heard.push([data, id]))
  const events = await take(feed, 2)
  expect(events.map(({ type, topic }) => [type, topic])).toEqual([
    ['tidemark.join', 'rooms/1'],
    ['tidemark.leave', 'rooms/1'],
  ])
  expect(heard).toEqual([[{ user: 'ada' }, 'c1']])
})

test('a mistyped signal is refused with the names there are', () => {
  const feed = connect('http://127.0.0.1:2/')
  expect(() => feed.on('tidemark.gpa', () => undefined)).toThrow(/tidemark\.gap/)
  feed.close()
})

test('events wait until somebody takes them', async () => {
  const server = await startServer((exchange) =>
    exchange.stream('id: 1\ndata: a\n\nid: 2\ndata: b\n\n'),
  )
  const feed = connect(server.url, { topics: ['t'] })
  await nextPhase(feed, 'open')
  for (let i = 0; i < 20; i++) await turn()
  expect(feed.lastEventId).toBe('')
  expect((await take(feed, 2)).map((event) => event.text)).toEqual(['a', 'b'])
})

test('listeners added late, one after the other, miss none of what waits', async () => {
  const server = await startServer((exchange) =>
    exchange.stream('event: a\ndata: 1\n\nevent: b\ndata: 2\n\nevent: end\ndata: 3\n\n'),
  )
  const feed = connect(server.url, { topics: ['t'] })
  await nextPhase(feed, 'open')
  for (let i = 0; i < 20; i++) await turn()
  const seen: unknown[] = []
  feed.on('b', (data) => seen.push(data))
  feed.on('a', (data) => seen.push(data))
  await new Promise<void>((resolve) => {
    feed.on('end', () => resolve())
  })
  feed.close()
  expect(seen).toEqual([1, 2])
})

test('a removed listener hears nothing more, the others do', async () => {
  const server = await startServer((exchange) => exchange.stream('data: 1\n\ndata: 2\n\n'))
  const feed = connect(server.url, { topics: ['t'] })
  const once: unknown[] = []
  const remove = feed.on('message', (data) => {
    once.push(data)
    remove()
  })
  const all: unknown[] = []
  await new Promise<void>((resolve) => {
    feed.on('message', (data) => {
      all.push(data)
      if (all.length === 2) resolve()
    })
  })
  feed.close()
  expect([once, all]).toEqual([[1], [1, 2]])
})

test('closing drops what was not handed over, and a resume brings it', async () => {
  const server = await startServer((exchange) =>
    exchange.stream('id: 1\ndata: a\n\nid: 2\ndata: b\n\n'),
  )
  const feed = connect(server.url, { topics: ['t'] })
  const iterator = feed[Symbol.asyncIterator]()
  expect((await iterator.next()).value?.text).toBe('a')
  feed.close()
  expect((await iterator.next()).done).toBe(true)
  expect(feed.lastEventId).toBe('1')
})

test('events that came before a lasting refusal are handed over before its error', async () => {
  const server = await startServer(({ index, response, cut }) => {
    if (index === 0) cut('id: 1\ndata: a\n\nid: 2\ndata: b\n\n')
    else response.writeHead(403).end()
  })
  const clock = createFakeClock()
  const feed = connect(server.url, { topics: ['t'], clock })
  const { delayMs } = await nextPhase(feed, 'waiting')
  await turn()
  clock.advance(delayMs)
  await nextPhase(feed, 'closed')
  const seen: string[] = []
  const loop = (async () => {
    for await (const event of feed) seen.push(event.text)
  })()
  await expect(loop).rejects.toMatchObject({ code: 'REFUSED' })
  expect(seen).toEqual(['a', 'b'])
})

test('an attempt that ended no longer listens to the feed', async () => {
  const server = await startServer(({ response }) => response.writeHead(503).end())
  const { signal } = new AbortController()
  const added = vi.spyOn(signal, 'addEventListener')
  const removed = vi.spyOn(signal, 'removeEventListener')
  const link = {
    subscription: {
      endpoint: new URL(server.url),
      topics: [],
      since: undefined,
      wishes: { body: '{}', pairs: [], isForBody: false },
    },
    headers: undefined,
    fetch,
    clock: createFakeClock(),
    pace: new RequestPace(createFakeClock()),
    eventCharactersMax: 1_000,
    heartbeatMs: 15_000,
    retryMs: undefined,
    onlyTopic: '',
    cursor: 'c1',
  }
  const ignore = (): void => undefined
  const sink = {
    setState: ignore,
    ready: ignore,
    bye: ignore,
    item: ignore,
    waitForRoom: () => undefined,
  }
  const end = await attempt(link, sink, signal)
  expect(end).toMatchObject({ cursor: 'c1', hasServed: false })
  expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
    added.mock.calls.map(([, listener]) => listener),
  )
})

test('a feed can be iterated once', async () => {
  const feed = connect('http://127.0.0.1:2/')
  const iterator = feed[Symbol.asyncIterator]()
  expect(() => feed[Symbol.asyncIterator]()).toThrow(ClientError)
  const pending = iterator.next()
  feed.close()
  expect(await pending).toEqual({ done: true, value: undefined })
  expect(await iterator.next()).toEqual({ done: true, value: undefined })
})

test('a server that writes without end is held back by a slow loop', async () => {
  let sent = 0
  const block = `data: ${'x'.repeat(16_384)}\n\n`
  const server = await startServer(({ response, stream }) => {
    stream()
    const more = (): void => {
      do sent += block.length
      while (response.write(block))
    }
    response.on('drain', more)
    more()
  })
  const feed = connect(server.url, { topics: ['t'] })
  let taken = 0
  let lead = 0
  // The room of the kernel's buffers on both sides (up to 6 MiB each way on Linux) and the queue's 1 MiB.
  const leadMax = 16 * 1024 * 1024
  for await (const event of feed) {
    for (let i = 0; i < 8; i++) await turn()
    taken += event.text.length
    lead = Math.max(lead, sent - taken)
    if (taken > 24 * 1024 * 1024 || lead > leadMax) break
  }
  expect(lead).toBeLessThan(leadMax)
  await server.exchanges[0]?.closed
})

test.each([
  ['nothing', 'data:\n\n'],
  ['an id of 3 KB', `id: ${'x'.repeat(3_000)}\ndata:\n\n`],
  ['a type of 3 KB', `event: ${'x'.repeat(3_000)}\ndata:\n\n`],
  [
    'a topic and a key of 3 KB',
    `topic: ${'x'.repeat(3_000)}\nkey: ${'y'.repeat(3_000)}\ndata:\n\n`,
  ],
  [
    'tags of 3 KB',
    `tags: ${JSON.stringify({ a: 'x'.repeat(1_500), b: 'y'.repeat(1_500) })}\ndata:\n\n`,
  ],
  [
    'every field',
    'id: c1\nevent: paid\ntopic: orders/42\nkey: k\ntime: 1800000000000\ndata: 1\n\n',
  ],
  ['JSON of many small arrays', `data: [${'[],'.repeat(300)}0]\n\n`],
  ['characters of two bytes', `data: €${'x'.repeat(500)}\n\n`],
  [
    'data lines between comments of 16 KB',
    `${`data: ${'x'.repeat(64)}\n:${'€'.repeat(5_000)}\n`.repeat(8)}\n`,
  ],
  ['an id beside a comment of 16 KB', `:${'€'.repeat(5_000)}\nid: 0123456789abcdef\ndata:\n\n`],
])(
  'a slow loop over a server that writes events with %s on end holds 2 MiB of them',
  async (_, text) => {
    const event = new TextEncoder().encode(text)
    // As many events as fill a slice, each chunk in memory of its own.
    const chunk = Buffer.concat(
      Array<Uint8Array>(Math.ceil(sliceBytesMax / event.length)).fill(event),
    )
    let pulls = 0
    const body = (): ReadableStream<Uint8Array> =>
      new ReadableStream(
        {
          pull(stream) {
            pulls += 1
            stream.enqueue(Uint8Array.from(chunk))
          },
        },
        { highWaterMark: 0 },
      )
    const headers = { 'content-type': 'text/event-stream' }
    const fetch = (): Promise<Response> => Promise.resolve(new Response(body(), { headers }))
    const iterate = async (): Promise<Feed> => {
      const feed = connect('http://localhost/events', { topics: ['t'], fetch })
      await feed[Symbol.asyncIterator]().next()
      // A read may take some turns of the event loop.
      for (let [seen, still] = [0, 0]; still < 50; await turn()) {
        still = seen === pulls ? still + 1 : 0
        seen = pulls
      }
      return feed
    }
    // A first feed loads what all feeds share.
    ;(await iterate()).close()
    const before = collectGarbage()
    pulls = 0
    const feed = await iterate()
    const most = queueCostMax / queueItemCost + (2 * chunk.length) / event.length
    expect((pulls * chunk.length) / event.length).toBeLessThanOrEqual(most)
    // Empty events of 7 bytes fill it with 56 KiB.
    expect(pulls * chunk.length).toBeGreaterThan(48 * 1024)
    expect(collectGarbage() - before).toBeLessThan(2 * queueCostMax + 16 * sliceBytesMax)
    feed.close()
  },
)

test.for([
  ['an event of many lines', 'data: x\n'.repeat(200)],
  ['one long line', `data: ${'x'.repeat(2_000)}\n\n`],
])(
  '%s beyond eventCharactersMax closes the feed and names the option; raised, it passes',
  async ([, text]) => {
    const server = await startServer((exchange) => exchange.stream(`${text}\n`))
    const error = await take(connect(server.url, { eventCharactersMax: 1_000 }), 1).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ code: 'STREAM_INVALID' })
    expect(String(error)).toMatch(/1000 characters. Raise eventCharactersMax/)
    expect(server.exchanges).toHaveLength(1)
    expect(await take(connect(server.url, { eventCharactersMax: 3_000 }), 1)).toHaveLength(1)
  },
)

test('the queue asks for a pause by size, and marks in a row are one', () => {
  const queue = new EventQueue()
  const event = {
    topic: '',
    type: 'message',
    data: '',
    text: 'x'.repeat(1024),
    id: '',
  } as FeedEvent
  let count = 0
  for (; count < 5000 && queue.waitForRoom() === undefined; count++)
    queue.push({ kind: 'event', id: '', event })
  expect(count).toBe(Math.ceil(queueCostMax / (1024 + 'message'.length + queueItemCost)))
  queue.clear()
  for (let i = 0; i < 100; i++) queue.push({ kind: 'mark', id: String(i) })
  expect(queue.shift()).toEqual({ kind: 'mark', id: '99' })
  expect(queue.first).toBeUndefined()
})

test('a queue that nobody empties takes beats for ever, and no beat hides what an event was decoded from', () => {
  const queue = new EventQueue()
  const event = { topic: '', type: 'message', data: '', text: '', id: '' } as FeedEvent
  queue.push({ kind: 'event', id: '', event })
  for (let i = 0; i < 100_000; i++) {
    queue.push({ kind: 'mark', id: `c${i}` })
    expect(queue.waitForRoom(100)).toBeUndefined()
  }
  // Each time an event with a beat behind it in one slice, and a beat alone in the next.
  let slices = 0
  for (; slices < 1_000 && queue.waitForRoom(sliceBytesMax) === undefined; slices++) {
    queue.push({ kind: 'event', id: '', event })
    queue.push({ kind: 'mark', id: 'a' })
    void queue.waitForRoom(sliceBytesMax)
    queue.push({ kind: 'mark', id: 'b' })
  }
  expect(slices).toBeLessThanOrEqual(queueCostMax / sliceBytesMax)
  while (queue.shift() !== undefined);
  expect(queue.waitForRoom(sliceBytesMax)).toBeUndefined()
  queue.push({ kind: 'event', id: '', event })
  queue.shift()
  // Nothing of it is left to count, and comments beside an event that waits are not held.
  for (let i = 0; i < 1_000; i++) expect(queue.waitForRoom(sliceBytesMax)).toBeUndefined()
  const other = new EventQueue()
  other.push({ kind: 'event', id: '', event })
  for (let i = 0; i < 1_000; i++) expect(other.waitForRoom(sliceBytesMax)).toBeUndefined()
})

test.for(['connecting', 'open', 'ready', 'paused', 'waiting'] as const)(
  'closed while %s, a feed leaves no connection and no timer behind',
  async (moment) => {
    const server = await startServer(({ response, stream }) => {
      if (moment === 'connecting') return
      if (moment === 'waiting') {
        response.writeHead(503).end()
        return
      }
      stream(moment === 'open' ? '' : ready('c0'))
      if (moment === 'paused')
        for (let i = 0; i < 300; i++) response.write(`data: ${'x'.repeat(16_384)}\n\n`)
    })
    const clock = createFakeClock()
    const feed = connect(server.url, { topics: ['t'], clock })
    if (moment === 'open' || moment === 'waiting') await nextPhase(feed, moment)
    else if (moment === 'ready') await nextSignal(feed, 'tidemark.ready')
    else while (server.exchanges.length === 0) await turn()
    for (let i = 0; i < 20; i++) await turn()
    feed.close()
    expect(feed.state).toEqual({ phase: 'closed', error: undefined })
    await server.exchanges[0]?.closed
    for (let i = 0; i < 5; i++) await turn()
    expect(clock.pending).toBe(0)
    expect(server.exchanges).toHaveLength(1)
  },
)

test('aborting the signal closes the feed, before or after it began', async () => {
  const server = await startServer((exchange) => exchange.stream(ready('c0')))
  const controller = new AbortController()
  const feed = connect(server.url, { topics: ['t'], signal: controller.signal })
  await nextSignal(feed, 'tidemark.ready')
  controller.abort()
  expect(feed.state.phase).toBe('closed')
  await server.exchanges[0]?.closed
  const late = connect(server.url, { topics: ['t'], signal: controller.signal })
  expect(late.state.phase).toBe('closed')
  expect(await take(late, 1)).toEqual([])
  expect(server.exchanges).toHaveLength(1)
})

const ignore = (): void => undefined

test.for([
  ['a listener that is not there', 'message', undefined],
  ['a listener that is null', 'message', null],
  ['a listener that is an object', 'tidemark.state', { handleEvent: ignore }],
  ['a name that is a number', 7, ignore],
  ['a name that is a symbol', Symbol('paid'), ignore],
  ['a name that is not there', undefined, ignore],
  ['a name that is a list', ['paid'], ignore],
  ['a list of a name that exists', ['tidemark.ready'], ignore],
  ['a name that no text can be made of', Object.create(null) as object, ignore],
] as const)('%s is refused with a code, and ends no process later', async ([, name, listener]) => {
  const server = await startServer((exchange) => exchange.stream('data: x\n\n'))
  const feed = connect(server.url)
  expect(() => feed.on(name as never, listener as never)).toThrow(
    expect.objectContaining({ name: 'ClientError', code: 'LISTENER_INVALID' }),
  )
  // A fault of a listener would be thrown outside of every `try`, and fail this test.
  expect(await take(feed, 1)).toHaveLength(1)
})
