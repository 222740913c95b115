// Failures that are tried again, when, and those that end a feed for good.

import { createFakeClock, createRandom } from '@tidemark/testkit'
import { describe, expect, test, vi } from 'vitest'
import { parseRetry, planWait } from '../src/backoff.ts'
import { parseRetryAfter } from '../src/read-refusal.ts'
import { ClientError, connect, systemClock } from '../src/index.ts'
import { nextPhase, nextSignal, ready, startServer, take, turn } from './stream-server.ts'

describe('the wait before the next attempt', () => {
  const retry = parseRetry()

  test('doubles its upper bound from 1 s to 30 s', () => {
    const longest = [0, 1, 2, 3, 4, 5, 6, 50].map((failures) =>
      planWait({ retry, failures, hintMs: undefined, random: () => 0.999999 }),
    )
    expect(longest).toEqual([1000, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  })

  test('is never below 250 ms, whatever the server sends, so that 4 requests per second are the most', () => {
    const random = createRandom(4).next
    for (let i = 0; i < 1000; i++) {
      const waitMs = planWait({
        retry,
        failures: i % 8,
        hintMs: i % 3 === 0 ? 0 : undefined,
        random,
      })
      expect(waitMs).toBeGreaterThanOrEqual(250)
    }
  })

  test('is at least what the server asked for, and at most 5 minutes of it', () => {
    expect(planWait({ retry, failures: 1, hintMs: 9000, random: () => 0 })).toBe(9000)
    expect(planWait({ retry, failures: 1, hintMs: 1e15, random: () => 0 })).toBe(300_000)
  })

  test('understands Retry-After in seconds and as a date', () => {
    const now = Date.parse('2026-11-20T20:00:00Z')
    expect(parseRetryAfter('3', now)).toBe(3000)
    expect(parseRetryAfter('Fri, 20 Nov 2026 20:00:05 GMT', now)).toBe(5000)
    expect(parseRetryAfter('Fri, 20 Nov 2026 19:00:00 GMT', now)).toBe(0)
    expect(parseRetryAfter('soon', now)).toBeUndefined()
  })
})

test('503 with Retry-After waits that long, then connects', async () => {
  const server = await startServer(({ index, response, stream }) => {
    if (index > 0) return stream(`${ready('c0')}id: c1\ndata: x\n\n`)
    response.writeHead(503, { 'retry-after': '12', 'content-type': 'application/problem+json' })
    response.end('{"code":"DRAINING","detail":"The hub is draining."}')
  })
  const clock = createFakeClock()
  const feed = connect(server.url, { topics: ['a'], clock, random: () => 0 })
  const events = take(feed, 1)
  const waiting = await nextPhase(feed, 'waiting')
  expect(waiting.delayMs).toBe(12_000)
  expect(waiting.error).toMatchObject({
    code: 'SERVER_UNAVAILABLE',
    status: 503,
    problem: { code: 'DRAINING' },
  })
  clock.advance(11_999)
  await turn()
  expect(server.exchanges).toHaveLength(1)
  clock.advance(1)
  expect(await events).toHaveLength(1)
})

test('failures are forgotten only once a connection has served something', async () => {
  const server = await startServer(({ index, response, stream }) => {
    stream(index === 2 ? ready('c0') : 'event: tidemark.bye\ndata: {"reason":"full"}\n\n')
    response.end()
  })
  const clock = createFakeClock()
  const feed = connect(server.url, { topics: ['a'], clock, random: () => 0.999999 })
  const delays: number[] = []
  for (let i = 0; i < 5; i++) {
    const { delayMs } = await nextPhase(feed, 'waiting')
    delays.push(delayMs)
    await turn()
    clock.advance(delayMs)
  }
  feed.close()
  expect(delays).toEqual([1000, 2000, 1000, 1000, 2000])
})

test.for([400, 401, 403, 404, 405, 413, 414])(
  '%i closes the feed with what the server said',
  async (status) => {
    const server = await startServer(({ response }) => {
      response.writeHead(status, { 'content-type': 'application/problem+json' })
      response.end('{"code":"NO","title":"No.","detail":"Because."}')
    })
    const feed = connect(server.url, { topics: ['a'] })
    const error = await take(feed, 1).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ClientError)
    expect(error).toMatchObject({
      code: 'REFUSED',
      status,
      problem: { code: 'NO', title: 'No.', detail: 'Because.' },
    })
    expect(feed.state).toEqual({ phase: 'closed', error })
    expect(server.exchanges).toHaveLength(1)
  },
)

test('204 closes the feed', async () => {
  const server = await startServer(({ response }) => response.writeHead(204).end())
  await expect(take(connect(server.url), 1)).rejects.toMatchObject({ code: 'STREAM_STOPPED' })
})

test('a page instead of a stream closes the feed and says so', async () => {
  const server = await startServer(({ response }) => {
    response.writeHead(200, { 'content-type': 'text/html' }).write('<!doctype html>')
  })
  await expect(take(connect(server.url), 1)).rejects.toMatchObject({ code: 'CONTENT_TYPE_WRONG' })
  await server.exchanges[0]?.closed
})

test('a refusal with an endless body does not hold up the feed', async () => {
  const server = await startServer(({ response }) => {
    response.writeHead(403, { 'content-type': 'application/problem+json' })
    const more = (): void => {
      while (response.write('x'.repeat(16_384)));
    }
    response.on('drain', more)
    more()
  })
  await expect(take(connect(server.url), 1)).rejects.toMatchObject({ code: 'REFUSED', status: 403 })
  await server.exchanges[0]?.closed
})

test('a half-open connection is noticed after 2.5 of the announced heartbeats', async () => {
  const server = await startServer((exchange) => exchange.stream(ready('c3', 4000)))
  const clock = createFakeClock()
  const feed = connect(server.url, { topics: ['a'], clock, random: () => 0 })
  await nextSignal(feed, 'tidemark.ready')
  await turn()
  const waiting = nextPhase(feed, 'waiting')
  clock.advance(9_999)
  await turn()
  expect(feed.state.phase).toBe('open')
  clock.advance(1)
  expect((await waiting).error.code).toBe('CONNECTION_DEAD')
  await server.exchanges[0]?.closed
  const reopened = nextPhase(feed, 'open')
  clock.advance(250)
  await reopened
  expect(server.exchanges[1]?.cursor).toBe('c3')
  feed.close()
})

test.for([
  [undefined, 300_000],
  [15_000, 37_500],
  [3_600_000, 300_000],
] as const)(
  'a server that takes the request and never answers is noticed too: heartbeat %s, after %i ms',
  async ([heartbeatMs, waitMs]) => {
    const server = await startServer(() => undefined)
    const clock = createFakeClock()
    const feed = connect(server.url, { topics: ['a'], clock, heartbeatMs })
    const waiting = nextPhase(feed, 'waiting')
    while (server.exchanges.length === 0) await turn()
    clock.advance(waitMs - 1)
    await turn()
    expect(feed.state.phase).toBe('connecting')
    clock.advance(1)
    expect((await waiting).error.code).toBe('CONNECTION_DEAD')
    await server.exchanges[0]?.closed
    feed.close()
  },
)

test.for([undefined, Infinity])(
  'a healthy stream without beats is never cut for its silence (heartbeat %s)',
  async (heartbeatMs) => {
    const server = await startServer((exchange) => exchange.stream('id: 1\ndata: x\n\n'))
    const clock = createFakeClock()
    const feed = connect(server.url, { clock, heartbeatMs })
    const iterator = feed[Symbol.asyncIterator]()
    await iterator.next()
    const next = iterator.next()
    for (let day = 0; day < 30; day++) {
      await turn()
      clock.advance(24 * 3_600_000)
    }
    server.exchanges[0]?.response.write('id: 2\ndata: y\n\n')
    expect((await next).value?.text).toBe('y')
    expect(server.exchanges).toHaveLength(1)
    feed.close()
  },
)

test.for([
  [4_000, 10_000],
  [100, 2_500],
  [3_600_000, 9_000_000],
] as const)(
  'an announced heartbeat of %i ms judges silence as it is, and the attempts after it',
  async ([heartbeatMs, silentMs]) => {
    const server = await startServer(({ index, stream }) => {
      if (index === 0) stream(ready('c1', heartbeatMs))
      if (index === 1) stream()
    })
    const clock = createFakeClock()
    const feed = connect(server.url, { topics: ['a'], clock, random: () => 0 })
    await nextSignal(feed, 'tidemark.ready')
    for (let i = 0; i < 2; i++) {
      await turn()
      clock.advance(silentMs - 1)
      await turn()
      expect(feed.state.phase).toBe('open')
      const waiting = nextPhase(feed, 'waiting')
      clock.advance(1)
      expect((await waiting).error.code).toBe('CONNECTION_DEAD')
      const opened = nextPhase(feed, i === 0 ? 'open' : 'connecting')
      await turn()
      clock.advance(250)
      await opened
    }
    // The third attempt gets no head.
    while (server.exchanges.length < 3) await turn()
    const waiting = nextPhase(feed, 'waiting')
    clock.advance(Math.min(silentMs, 300_000))
    expect((await waiting).error.code).toBe('CONNECTION_DEAD')
    feed.close()
  },
)

test.for([0, 1e12, '15000', null])(
  'a heartbeat of %j, announced, is not a watch that cuts the stream at once',
  async (heartbeatMs) => {
    const server = await startServer((exchange) => {
      exchange.stream(
        `event: tidemark.ready\ndata: {"heartbeatMs":${JSON.stringify(heartbeatMs)}}\n\n`,
      )
    })
    const clock = createFakeClock()
    const feed = connect(server.url, { topics: ['a'], clock })
    await nextSignal(feed, 'tidemark.ready')
    await turn()
    expect(clock.pending).toBe(0)
    feed.close()
  },
)

test('`retry:` is kept until the server sends another, across failures and streams without one', async () => {
  const server = await startServer(({ index, request, response, cut, stream }) => {
    if (index === 0) cut('retry: 4000\ndata: x\n\n')
    else if (index === 1) response.writeHead(503).end()
    else if (index === 2) request.socket.destroy()
    else if (index === 3) cut('id: 1\ndata: x\n\n')
    else if (index === 4) response.writeHead(503, { 'retry-after': '1' }).end()
    else if (index === 5) cut('event: tidemark.bye\ndata: {"reason":"full","retryMs":2000}\n\n')
    else if (index === 6) cut('data: x\n\nretry: soon\n\n')
    else if (index === 7) cut('retry: 10\ndata: x\n\n')
    else stream('retry: 99999999999999999999\n\n')
    if (index > 7) response.end()
  })
  const clock = createFakeClock()
  const feed = connect(server.url, { clock, random: () => 0 })
  const delays: number[] = []
  while (delays.length < 9) {
    const { delayMs } = await nextPhase(feed, 'waiting')
    delays.push(delayMs)
    await turn()
    clock.advance(delayMs)
  }
  feed.close()
  expect(delays).toEqual([4000, 4000, 4000, 4000, 1000, 2000, 4000, 250, 300_000])
})

test.for([2 ** 31, 1e12, Infinity])(
  'bounds of %d ms are those a timer can hold, not 1 ms',
  (boundMs) => {
    const timerMax = 2 ** 31 - 1
    const retry = parseRetry({ baseMs: boundMs, capMs: boundMs })
    const wait = { retry, failures: 50, hintMs: Infinity, random: () => 0.999999999 }
    expect(planWait(wait)).toBeLessThanOrEqual(timerMax)
    expect(planWait({ ...wait, hintMs: undefined })).toBeGreaterThan(timerMax / 2)
    expect(planWait({ ...wait, random: () => 7 })).toBeLessThanOrEqual(timerMax)
  },
)

test('randomness that is none never shortens the wait', () => {
  const retry = parseRetry()
  for (const odd of [Number.NaN, -5, -Infinity]) {
    expect(planWait({ retry, failures: 3, hintMs: undefined, random: () => odd })).toBe(250)
  }
})

test('the machine’s clock takes a delay longer than a timer can hold for the longest there is', () => {
  const delays: unknown[] = []
  const set = vi.spyOn(globalThis, 'setTimeout').mockImplementation(((
    _task: () => void,
    delayMs: number,
  ) => {
    delays.push(delayMs)
  }) as never)
  for (const delayMs of [2 ** 31, 1e300, Infinity, 5]) systemClock.after(delayMs, () => undefined)
  set.mockRestore()
  expect(delays).toEqual([2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1, 5])
})

test('as many failures in a row as allowed close the feed with the last of them', async () => {
  const clock = createFakeClock()
  const feed = connect('http://127.0.0.1:2/events', { clock, retry: { attemptsMax: 2 } })
  const waiting = nextPhase(feed, 'waiting')
  const taken = take(feed, 1)
  const { delayMs } = await waiting
  await turn()
  clock.advance(delayMs)
  await expect(taken).rejects.toMatchObject({
    code: 'RETRIES_EXHAUSTED',
    cause: { code: 'CONNECTION_FAILED' },
  })
  expect(clock.pending).toBe(0)
})

test('headers are asked for anew on every attempt; a failing function is a passing failure', async () => {
  const server = await startServer((exchange) => exchange.stream('data: x\n\n'))
  const clock = createFakeClock()
  let calls = 0
  const headers = (): Record<string, string> => {
    calls++
    if (calls === 1) throw new Error('no token yet')
    return { authorization: `Bearer ${calls}` }
  }
  const feed = connect(server.url, { topics: ['a'], headers, clock, random: () => 0 })
  const taken = take(feed, 1)
  const { error, delayMs } = await nextPhase(feed, 'waiting')
  expect(error.code).toBe('HEADERS_FAILED')
  await turn()
  clock.advance(delayMs)
  await taken
  expect(server.exchanges[0]?.request.headers.authorization).toBe('Bearer 2')
})

test('a header no request can carry is a lasting error and does not show its value', async () => {
  const feed = connect('http://127.0.0.1:2/', { headers: { authorization: 'secret\nx' } })
  const error = await take(feed, 1).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'REQUEST_INVALID' })
  expect(String(error)).not.toContain('secret')
})

test.for([
  ['no url', {}, 'URL_INVALID'],
  ['ftp://example.org/', {}, 'URL_INVALID'],
  ['http://me:pw@example.org/', {}, 'URL_INVALID'],
  ['http://example.org/', { retry: { baseMs: -1 } }, 'OPTIONS_INVALID'],
  ['http://example.org/', { retry: { attemptsMax: 0 } }, 'OPTIONS_INVALID'],
  ['http://example.org/', { heartbeatMs: 0 }, 'OPTIONS_INVALID'],
] as const)('connect(%j, %j) is refused with %s', ([url, options, code]) => {
  expect(() => connect(url, options)).toThrow(expect.objectContaining({ code }))
})
