// Publishing until it is acknowledged, once.

import { createFakeClock } from '@tidemark/testkit'
import { describe, expect, test } from 'vitest'
import { createPublisher } from '../src/index.ts'
import type { Clock, Fetch } from '../src/index.ts'
import { RushingClock } from './rushing-clock.ts'
import { startServer, turn } from './stream-server.ts'

const events = [{ topic: 'orders/42', type: 'paid', data: { total: 12 } }]

/** Fires every wait between attempts at once; time limits of requests stay. */
const impatient: Clock = {
  now: () => 0,
  after(delayMs, task) {
    if (delayMs < 30_000) queueMicrotask(task)
    return { cancel: () => undefined }
  },
}

test('a publish is repeated with the same key through passing failures', async () => {
  const keys: unknown[] = []
  const bodies: string[] = []
  const server = await startServer(({ index, request, response }) => {
    keys.push(request.headers['idempotency-key'])
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      bodies.push(body)
      if (index === 0) request.socket.destroy()
      else if (index === 1) response.writeHead(503).end()
      else if (index === 2) response.writeHead(429, { 'retry-after': '1' }).end()
      else response.end('{"cursor":"c4","sessions":2}')
    })
  })
  const publisher = createPublisher(server.url, { clock: impatient, random: () => 0 })
  expect(await publisher.publishAll(events)).toEqual({ cursor: 'c4', sessions: 2 })
  expect(new Set(keys).size).toBe(1)
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
  expect(bodies).toEqual(Array(4).fill(JSON.stringify(events)))
})

test('a lasting refusal is thrown with what the server said, after one attempt', async () => {
  const server = await startServer(({ response }) => {
    response.writeHead(400, { 'content-type': 'application/problem+json' })
    response.end('{"code":"TOPIC_INVALID","detail":"No."}')
  })
  const publisher = createPublisher(server.url)
  await expect(publisher.publishAll(events, { idempotencyKey: 'k1' })).rejects.toMatchObject({
    code: 'REFUSED',
    status: 400,
    problem: { code: 'TOPIC_INVALID' },
  })
  expect(server.exchanges).toHaveLength(1)
  expect(server.exchanges[0]?.request.headers['idempotency-key']).toBe('k1')
})

test('a publish says the head it counts on with every attempt, and a moved one is told at once', async () => {
  const heads: unknown[] = []
  const server = await startServer(({ request, response }) => {
    if (heads.push(request.headers['if-head']) < 3) response.writeHead(503).end()
    else {
      response.writeHead(412, { 'content-type': 'application/problem+json' })
      response.end('{"code":"HEAD_MOVED","detail":"No."}')
    }
  })
  const publisher = createPublisher(server.url, { clock: impatient, random: () => 0 })
  const published = publisher.publish('a', { data: 1 }, { ifHead: '1abc-2' })
  await expect(published).rejects.toMatchObject({
    code: 'REFUSED',
    status: 412,
    problem: { code: 'HEAD_MOVED' },
  })
  expect(heads).toEqual(['1abc-2', '1abc-2', '1abc-2'])
})

test('the life of an event goes out as ttl, and tags as they are', async () => {
  let body = ''
  const server = await startServer(({ request, response }) => {
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => response.end('{"cursor":"c"}'))
  })
  const tags = { region: 'eu' }
  await createPublisher(server.url).publish('a', { data: 1, tags, ttlMs: 5_000 })
  expect(JSON.parse(body)).toEqual([{ topic: 'a', data: 1, tags, ttl: 5_000 }])
})

test('attempts end where the caller says', async () => {
  const publisher = createPublisher('http://127.0.0.1:2/publish', {
    retry: { attemptsMax: 3 },
    clock: impatient,
  })
  await expect(publisher.publishAll(events)).rejects.toMatchObject({
    code: 'RETRIES_EXHAUSTED',
    cause: { code: 'CONNECTION_FAILED' },
  })
})

test('an answer without a cursor is not taken for a receipt', async () => {
  const server = await startServer(({ response }) => response.end('<html>'))
  await expect(createPublisher(server.url).publishAll(events)).rejects.toMatchObject({
    code: 'ANSWER_INVALID',
  })
})

test('a server that never answers is asked again, and aborting leaves nothing', async () => {
  const server = await startServer(() => undefined)
  const clock = createFakeClock()
  const controller = new AbortController()
  const publisher = createPublisher(server.url, { clock, random: () => 0 })
  const published = publisher.publishAll(events, { signal: controller.signal })
  while (server.exchanges.length === 0) await turn()
  clock.advance(30_000)
  await server.exchanges[0]?.closed
  for (let i = 0; i < 5; i++) await turn()
  clock.advance(250)
  while (server.exchanges.length === 1) await turn()
  controller.abort()
  await expect(published).rejects.toMatchObject({ code: 'FEED_CLOSED' })
  await server.exchanges[1]?.closed
  expect(clock.pending).toBe(0)
})

const circle: Record<string, unknown> = {}
circle['self'] = circle
const throwing = {
  get topic(): string {
    throw new Error('no topic')
  },
}

test.for([
  ['null', null],
  ['a number', 5],
  ['a symbol', Symbol('events')],
  ['nothing', undefined],
  ['an event instead of a list', events[0]],
  ['a list of null', [null]],
  ['a list of texts', ['orders/42']],
  ['a hole', Array.from(events).concat(Array(1))],
  ['a topic that is a number', [{ topic: 42, data: 1 }]],
  ['a topic that is null', [{ topic: null, data: 1 }]],
  ['a type that is null', [{ topic: 'a', type: null, data: 1 }]],
  ['a key that is a number', [{ topic: 'a', key: 42, data: 1 }]],
  ['a key that is a symbol', [{ topic: 'a', key: Symbol('key'), data: 1 }]],
  ['no data', [{ topic: 'a' }]],
  ['data that is a function', [{ topic: 'a', data: () => 1 }]],
  ['data that is a symbol', [{ topic: 'a', data: Symbol('data') }]],
  ['data that is a bigint', [{ topic: 'a', data: 1n }]],
  ['a circle', [{ topic: 'a', data: circle }]],
  ['a toJSON that gives nothing', [{ topic: 'a', data: 1, toJSON: () => undefined }]],
  ['a getter that throws', [throwing]],
] as const)(
  'publishing %s rejects with a coded error, and throws nothing at once',
  async ([, odd]) => {
    const server = await startServer(({ response }) => response.end('{"cursor":"c"}'))
    const published = createPublisher(server.url).publishAll(odd as never)
    await expect(published).rejects.toMatchObject({ name: 'ClientError', code: 'REQUEST_INVALID' })
    expect(server.exchanges).toEqual([])
  },
)

test.for([
  ['options that are null', null, 'OPTIONS_INVALID'],
  ['a signal that is none', { signal: {} }, 'OPTIONS_INVALID'],
  ['a key that is null, and would be one key for all', { idempotencyKey: null }, 'REQUEST_INVALID'],
  ['a key that is a number', { idempotencyKey: 7 }, 'REQUEST_INVALID'],
  ['a key that is a symbol', { idempotencyKey: Symbol('key') }, 'REQUEST_INVALID'],
  ['an empty key', { idempotencyKey: '' }, 'REQUEST_INVALID'],
  ['a head that is a number', { ifHead: 7 }, 'REQUEST_INVALID'],
  ['a head with a line break', { ifHead: 'a\nb' }, 'REQUEST_INVALID'],
  ['a key with a line break', { idempotencyKey: 'a\nb' }, 'REQUEST_INVALID'],
  ['a key with a control character', { idempotencyKey: 'a\u0001' }, 'REQUEST_INVALID'],
] as const)('publishing with %s rejects with a coded error', async ([, odd, code]) => {
  const server = await startServer(({ response }) => response.end('{"cursor":"c"}'))
  const published = createPublisher(server.url).publishAll(events, odd as never)
  await expect(published).rejects.toMatchObject({ name: 'ClientError', code })
  expect(server.exchanges).toEqual([])
})

test('a publisher is refused odd options with a code', () => {
  const odd = [
    null,
    5,
    { fetch: 1 },
    { retry: null },
    { retry: { capMs: Number.NaN } },
    { random: 1 },
  ]
  for (const options of odd) {
    expect(() => createPublisher('http://127.0.0.1:2/publish', options as never)).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID' }),
    )
  }
  for (const url of ['http://127.0.0.1:6000/publish', null, Symbol('url')]) {
    expect(() => createPublisher(url as never)).toThrow(
      expect.objectContaining({ code: 'URL_INVALID' }),
    )
  }
})

test('a publish that no fetch can send is not tried for ever', async () => {
  const server = await startServer(({ response }) => response.end('{"cursor":"c"}'))
  const headers = { expect: '100-continue' }
  const published = createPublisher(server.url, { headers, clock: impatient }).publishAll(events)
  await expect(published).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
})

test('a redirected publish keeps its body and key, and goes round no circle', async () => {
  const bodies: string[] = []
  const server = await startServer(({ request, response }) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      bodies.push(body)
      if (request.url === '/events') response.writeHead(308, { location: '/moved' }).end()
      else if (request.url === '/moved') response.end('{"cursor":"c1"}')
      else response.writeHead(request.url === '/get' ? 302 : 307, { location: '/loop' }).end()
    })
  })
  const publishTo = (path: string) =>
    createPublisher(new URL(path, server.url), {
      clock: new RushingClock(29_000),
      random: () => 0,
      retry: { attemptsMax: 3 },
    }).publishAll(events, { idempotencyKey: 'k1' })
  expect(await publishTo('/events')).toEqual({ cursor: 'c1', sessions: 0 })
  expect(bodies[1]).toBe(JSON.stringify(events))
  expect(server.exchanges[1]?.request.headers['idempotency-key']).toBe('k1')
  await expect(publishTo('/get')).rejects.toMatchObject({ code: 'REDIRECT_INVALID' })
  expect(server.exchanges).toHaveLength(3)
  await expect(publishTo('/loop')).rejects.toMatchObject({
    code: 'RETRIES_EXHAUSTED',
    cause: { code: 'REDIRECT_LOOP' },
  })
  expect(server.exchanges).toHaveLength(3 + 3 * 2)
})

test('a token that never comes does not park a publish, and is named as the cause', async () => {
  const clock = createFakeClock()
  const headers = (): Promise<never> => new Promise(() => undefined)
  const publisher = createPublisher('http://127.0.0.1:2/', {
    clock,
    headers,
    retry: { attemptsMax: 1 },
  })
  const published = publisher.publishAll(events)
  await turn()
  clock.advance(60_000)
  await expect(published).rejects.toMatchObject({
    code: 'RETRIES_EXHAUSTED',
    cause: { code: 'HEADERS_FAILED' },
  })
  expect(clock.pending).toBe(0)
})

test('a token that takes 45 s is sent, not taken for a server that cannot be reached', async () => {
  const clock = createFakeClock()
  const later = <Value>(delayMs: number, value: Value): Promise<Value> =>
    new Promise((resolve) => void clock.after(delayMs, () => resolve(value)))
  const sent: unknown[] = []
  const publisher = createPublisher('http://127.0.0.1:2/', {
    clock,
    headers: () => later(45_000, { authorization: 'Bearer late' }),
    fetch: (_url, init) => {
      sent.push(new Headers(init.headers).get('authorization'))
      return later(29_000, new Response('{"cursor":"c1"}'))
    },
    retry: { attemptsMax: 1 },
  })
  const published = publisher.publishAll(events)
  for (const waitMs of [45_000, 29_000]) {
    await turn()
    clock.advance(waitMs)
  }
  expect(await published).toEqual({ cursor: 'c1', sessions: 0 })
  expect(sent).toEqual(['Bearer late'])
  expect(clock.pending).toBe(0)
})

test('a publish whose own turn comes late has its whole time limit for the answer', async () => {
  const clock = createFakeClock()
  let requests = 0
  const publisher = createPublisher('http://127.0.0.1:2/', {
    clock,
    fetch: async () => {
      if (requests++ < 4)
        return new Response(null, { status: 307, headers: { location: `/${requests}` } })
      return new Promise((resolve) => {
        clock.after(29_500, () => resolve(new Response('{"cursor":"c1"}')))
      })
    },
    retry: { attemptsMax: 1 },
  })
  const published = publisher.publishAll(events)
  // The fifth request within a second waits until the second is over.
  for (const waitMs of [1_000, 29_500]) {
    await turn()
    clock.advance(waitMs)
  }
  expect(await published).toEqual({ cursor: 'c1', sessions: 0 })
})

/** A body that goes on for as long as somebody reads; `readBytes` is what was taken of it. */
function endlessBody(first: string): { stream: ReadableStream<Uint8Array>; readBytes: number } {
  const chunk = new TextEncoder().encode(' '.repeat(16_384))
  const body = { readBytes: 0, stream: new ReadableStream<Uint8Array>() }
  body.stream = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode(first)),
    pull(controller) {
      body.readBytes += chunk.length
      // Far above the limit, and far below what would end the test process.
      if (body.readBytes > 64 * 1024 * 1024) controller.close()
      else controller.enqueue(chunk)
    },
  })
  return body
}

test.for([
  ['a page', '<html>'],
  ['a receipt', '{"cursor":"c1"'],
  ['whitespace', ' \n'],
] as const)(
  'an endless answer that begins as %s does not fill the memory of a publisher',
  async ([, first]) => {
    const body = endlessBody(first)
    const fetch = (): Promise<Response> => Promise.resolve(new Response(body.stream))
    const publisher = createPublisher('http://127.0.0.1:2/', { fetch })
    const error: unknown = await publisher.publishAll(events).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ANSWER_INVALID', status: 200 })
    expect(String(error)).toContain('65536 bytes')
    expect(body.readBytes).toBeLessThan(128 * 1024)
  },
)

test('a whole receipt with endless whitespace behind it is one, and no more of it is read', async () => {
  const body = endlessBody('{"cursor":"c1","sessions":2}')
  const fetch = (): Promise<Response> => Promise.resolve(new Response(body.stream))
  const publisher = createPublisher('http://127.0.0.1:2/', { fetch })
  expect(await publisher.publishAll(events)).toEqual({ cursor: 'c1', sessions: 2 })
  expect(body.readBytes).toBeLessThan(128 * 1024)
})

test.for([
  [200, 'CONNECTION_FAILED'],
  [503, 'SERVER_UNAVAILABLE'],
] as const)(
  'an answer (%i) that drips without end holds a publish as long as one that never comes, and is asked for again',
  async ([status, code]) => {
    const clock = createFakeClock()
    const cancelled: number[] = []
    const keys: unknown[] = []
    const fetch: Fetch = (_url, init) => {
      const attempt = keys.push(new Headers(init.headers).get('idempotency-key'))
      const drip = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
        controller.enqueue(new Uint8Array([0x20]))
        timer = clock.after(1_000, () => drip(controller))
      }
      let timer = { cancel: (): void => undefined }
      const body = new ReadableStream<Uint8Array>({
        start: drip,
        cancel: () => {
          timer.cancel()
          cancelled.push(attempt)
        },
      })
      const headers = { 'content-type': 'application/json' }
      return Promise.resolve(new Response(body, { status, headers }))
    }
    const publisher = createPublisher('http://127.0.0.1:2/', {
      clock,
      random: () => 0,
      fetch,
      retry: { attemptsMax: 2 },
    })
    const published = publisher.publishAll(events).catch((error: unknown) => error)
    for (let seconds = 0; seconds < 62; seconds++) {
      await turn()
      if (seconds === 29) expect(keys).toHaveLength(1)
      clock.advance(1_000)
    }
    expect(await published).toMatchObject({ code: 'RETRIES_EXHAUSTED', cause: { code } })
    expect(keys).toEqual([keys[0], keys[0]])
    expect(cancelled).toEqual([1, 2])
    expect(clock.pending).toBe(0)
  },
)

test('a receipt of the largest size is read, in pieces of any size', async () => {
  const text = JSON.stringify({ cursor: 'é€🌊', sessions: 3, more: 'x'.repeat(60_000) })
  const bytes = new TextEncoder().encode(text)
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 11) controller.enqueue(bytes.subarray(at, at + 11))
      controller.close()
    },
  })
  const fetch = (): Promise<Response> => Promise.resolve(new Response(stream))
  const publisher = createPublisher('http://127.0.0.1:2/', { fetch })
  expect(await publisher.publishAll(events)).toEqual({ cursor: 'é€🌊', sessions: 3 })
})

test('a receipt is read from a fetch whose answers have no stream', async () => {
  const answer = { status: 200, headers: new Headers(), text: async () => '{"cursor":"c1"}' }
  const fetch = (): Promise<Response> => Promise.resolve(answer as Response)
  const publisher = createPublisher('http://127.0.0.1:2/', { fetch })
  expect(await publisher.publishAll(events)).toEqual({ cursor: 'c1', sessions: 0 })
})

test('a receipt that breaks off is asked for again', async () => {
  const server = await startServer(({ index, response }) => {
    if (index > 0) response.end('{"cursor":"c1"}')
    else response.writeHead(200, { 'content-length': '100' })
    if (index === 0) response.write('{"cur', () => response.destroy())
  })
  const publisher = createPublisher(server.url, { clock: impatient, random: () => 0 })
  expect(await publisher.publishAll(events)).toEqual({ cursor: 'c1', sessions: 0 })
  expect(server.exchanges).toHaveLength(2)
})

describe('a fetch that knows no signal and an answer that falls silent', () => {
  const silent = (status: number) => (): Promise<Response> =>
    Promise.resolve(
      new Response(new ReadableStream({ cancel: () => new Promise(() => undefined) }), {
        status,
        headers: { 'content-type': 'application/json' },
      }),
    )

  test.for([200, 403, 503])('do not hold a publish whose caller aborts (%i)', async (status) => {
    const clock = createFakeClock()
    const controller = new AbortController()
    const publisher = createPublisher('http://127.0.0.1:2/', { clock, fetch: silent(status) })
    const published = publisher.publishAll(events, { signal: controller.signal })
    await turn()
    controller.abort()
    await expect(published).rejects.toMatchObject({ code: 'FEED_CLOSED' })
    expect(clock.pending).toBe(0)
  })

  test.for([
    [200, { code: 'RETRIES_EXHAUSTED', cause: { code: 'CONNECTION_FAILED' } }],
    [403, { code: 'REFUSED', status: 403 }],
    [503, { code: 'RETRIES_EXHAUSTED', status: 503, cause: { code: 'SERVER_UNAVAILABLE' } }],
  ] as const)('do not park a publish beyond its time limit (%i)', async ([status, error]) => {
    const clock = createFakeClock()
    const publisher = createPublisher('http://127.0.0.1:2/', {
      clock,
      fetch: silent(status),
      retry: { attemptsMax: 1 },
    })
    const published = publisher.publishAll(events)
    await turn()
    clock.advance(30_000)
    await expect(published).rejects.toMatchObject(error)
    expect(clock.pending).toBe(0)
  })
})
