// The requests of a feed: how often, where redirects lead, which ids fit, and what no request can do.

import { createFakeClock } from '@tidemark/testkit'
import { describe, expect, test } from 'vitest'
import { badPorts } from '../src/bad-ports.ts'
import { ClientError, connect } from '../src/index.ts'
import type { Clock, ConnectOptions, Feed } from '../src/index.ts'
import { RushingClock } from './rushing-clock.ts'
import { nextPhase, nextSignal, ready, startServer, take, turn } from './stream-server.ts'
import type { Exchange, StreamServer } from './stream-server.ts'

const closingError = async (feed: Feed): Promise<unknown> =>
  take(feed, 1).catch((error: unknown) => error)

describe('an id that no header can carry', () => {
  test.for([
    ['a control character', 'a\u0001b'],
    ['DEL', 'a\u007fb'],
    ['ESC', '\u001b[2J'],
    ['200,000 characters', 'x'.repeat(200_000)],
    ['8,001 bytes of UTF-8', 'é'.repeat(4_000) + 'x'],
    ['nothing but spaces', '   '],
  ] as const)('%s is left out, and a gap says so in its place', async ([, id]) => {
    const server = await startServer((exchange) => {
      if (exchange.index === 0)
        exchange.cut(`id:${id.startsWith(' ') ? ' ' : ''}${id}\ndata: 1\n\n`)
      else exchange.stream('id: c2\ndata: 2\n\n')
    })
    const feed = connect(server.url, { clock: new RushingClock() })
    const seen: unknown[] = []
    feed.on('tidemark.gap', (gap) => seen.push(gap))
    for await (const event of feed) {
      seen.push(event.text)
      if (event.text === '2') break
    }
    expect(seen).toEqual(['1', { from: id, to: '', reason: 'unsendable' }, '2'])
    expect(server.exchanges[1]?.request.headers).not.toHaveProperty('last-event-id')
    expect(server.exchanges).toHaveLength(2)
  })

  test('is told anew after each reconnect, and never while the server is away', async () => {
    const server = await startServer(({ index, response, cut, stream }) => {
      if (index % 2 === 1) response.writeHead(503).end()
      else if (index < 6) cut(index === 0 ? 'id: a\u0001\ndata: 1\n\n' : 'data: 1\n\n')
      else stream('id: ok\ndata: 2\n\n')
    })
    const feed = connect(server.url, { clock: new RushingClock() })
    let gaps = 0
    feed.on('tidemark.gap', () => gaps++)
    await take(feed, 4)
    expect(gaps).toBe(3)
  })

  test('given as lastEventId, starts where `since` says, as an unreadable cursor does', async () => {
    const server = await startServer((exchange) => exchange.stream('id: c1\ndata: x\n\n'))
    const feed = connect(server.url, { topics: ['a'], lastEventId: 'a\u0001', since: '5m' })
    const gap = nextSignal(feed, 'tidemark.gap')
    await take(feed, 1)
    expect(await gap).toEqual({ from: 'a\u0001', to: '', reason: 'unsendable' })
    expect(server.exchanges[0]?.query.get('since')).toBe('5m')
  })

  test.for(['é€🌊', 'a\tb', 'x'.repeat(8_000), '\u0085'])(
    'is not one that only looks odd: %j goes out as its UTF-8, as an EventSource sends it',
    async (id) => {
      const server = await startServer((exchange) => {
        if (exchange.index === 0) exchange.cut(`id: ${id}\ndata: 1\n\n`)
        else exchange.stream('data: 2\n\n')
      })
      const feed = connect(server.url, { clock: new RushingClock() })
      const gaps: unknown[] = []
      feed.on('tidemark.gap', (gap) => gaps.push(gap))
      await take(feed, 2)
      expect(Buffer.from(server.exchanges[1]?.cursor ?? '', 'latin1').toString()).toBe(id)
      expect(gaps).toEqual([])
    },
  )
})

test.for([201, 202, 203, 205, 206, 300, 304])(
  '%i is no stream, whatever its content type says: the feed closes',
  async (status) => {
    const server = await startServer(({ response }) => {
      response.writeHead(status, { 'content-type': 'text/event-stream' })
      if (status === 205 || status === 304) response.end()
      else response.write('data: x\n\n')
    })
    const feed = connect(server.url, { clock: new RushingClock() })
    expect(await closingError(feed)).toMatchObject({ code: 'STATUS_WRONG', status })
    expect(feed.state.phase).toBe('closed')
    expect(server.exchanges).toHaveLength(1)
  },
)

/** When requests came, by the clock of the client. */
async function startTimed(
  handle: (exchange: Exchange) => void,
): Promise<{ server: StreamServer; clock: RushingClock; times: number[] }> {
  const clock = new RushingClock()
  const times: number[] = []
  const server = await startServer((exchange) => {
    times.push(clock.now())
    handle(exchange)
  })
  return { server, clock, times }
}

/** The most requests that came within any second. */
function busiestSecond(times: readonly number[]): number {
  return Math.max(
    ...times.map((from) => times.filter((at) => at >= from && at < from + 1000).length),
  )
}

const redirect =
  (location: string, status: number = 302) =>
  ({ response }: Exchange): void =>
    void response.writeHead(status, { location }).end()

const servers: readonly (readonly [string, (exchange: Exchange) => void])[] = [
  [
    '`retry: 0` and an end',
    ({ stream, response }) => {
      stream('retry: 0\n\n')
      response.end()
    },
  ],
  [
    'an end after each event',
    ({ stream, response, index }) => {
      stream(`${ready(`c${index}`)}retry: 0\nid: c${index}\ndata: x\n\n`)
      response.end()
    },
  ],
  [
    '503 and `Retry-After: 0`',
    ({ response }) => void response.writeHead(503, { 'retry-after': '0' }).end(),
  ],
  [
    'goodbyes with a retryMs of 0',
    ({ stream, response, index }) => {
      stream(
        `${ready(`c${index}`)}retry: 0\nevent: tidemark.bye\ndata: {"reason":"full","retryMs":0}\n\n`,
      )
      response.end()
    },
  ],
  ['a cut before the head', ({ request }) => void request.socket.destroy()],
  ['a redirect to itself', redirect('/events')],
  [
    'a circle of two',
    (exchange) => redirect(exchange.request.url === '/b' ? '/events' : '/b')(exchange),
  ],
  ['redirects without end', (exchange) => redirect(`/events?${exchange.index}`, 307)(exchange)],
]

test.for(servers)(
  'a server that answers with %s gets at most 4 requests per second',
  async ([, handle]) => {
    const { server, clock, times } = await startTimed(handle)
    // Served feeds never wait longer than the first bound; the least random wait is the worst case.
    const feed = connect(server.url, { clock, random: () => 0 })
    while (times.length < 60) await turn()
    feed.close()
    expect(busiestSecond(times)).toBeLessThanOrEqual(4)
  },
)

describe('a redirect', () => {
  test('is followed on every attempt, with the id, and costs no wait', async () => {
    const { server, clock, times } = await startTimed((exchange) => {
      if (exchange.request.url === '/events') redirect('/moved?x=1', 307)(exchange)
      else if (exchange.index < 2) exchange.cut('id: c1\ndata: 1\n\n')
      else exchange.stream('id: c2\ndata: 2\n\n')
    })
    const feed = connect(server.url, { clock, headers: { authorization: 'Bearer t' } })
    await take(feed, 2)
    expect(server.exchanges.map(({ request, cursor }) => [request.url, cursor])).toEqual([
      ['/events', ''],
      ['/moved?x=1', ''],
      ['/events', 'c1'],
      ['/moved?x=1', 'c1'],
    ])
    expect(server.exchanges[1]?.request.headers.authorization).toBe('Bearer t')
    expect(times[1]).toBe(times[0])
  })

  test("takes no header of the caller's to another origin, nor back again", async () => {
    const home = await startServer((exchange) => {
      if (exchange.request.url === '/events') redirect(`${away.url}?first`)(exchange)
      else exchange.stream('data: x\n\n')
    })
    const away = await startServer((exchange) => {
      redirect(new URL('/back', home.url).href)(exchange)
    })
    const headers = { authorization: 'Bearer secret', cookie: 'a=b', 'x-api-key': 'k' }
    await take(connect(home.url, { headers, lastEventId: 'c7' }), 1)
    const arrived = [...away.exchanges, ...home.exchanges.slice(1)].map(({ request }) => request)
    expect(arrived.map(({ url }) => url)).toEqual(['/events?first', '/back'])
    for (const { headers: sent } of arrived) {
      for (const name of Object.keys(headers)) expect(sent).not.toHaveProperty(name)
      expect(sent['last-event-id']).toBe('c7')
      expect(sent.accept).toContain('text/event-stream')
    }
  })

  test('that never ends is a failure that passes, and asks no URL a third time', async () => {
    const { server, clock } = await startTimed(redirect('/events'))
    const feed = connect(server.url, { clock: createFakeClock(), retry: { attemptsMax: 2 } })
    const { error } = await nextPhase(feed, 'waiting')
    expect(error).toMatchObject({ code: 'REDIRECT_LOOP' })
    expect(server.exchanges).toHaveLength(2)
    feed.close()
    expect(clock.now()).toBeGreaterThan(0)
  })

  test('leaves no timer behind when the feed is closed while it waits for its turn', async () => {
    const timers = createFakeClock()
    const waits: number[] = []
    const clock: Clock = {
      now: () => timers.now(),
      after(delayMs, task) {
        // The other timers watch for silence.
        if (delayMs <= 1_000) waits.push(delayMs)
        return timers.after(delayMs, task)
      },
    }
    const server = await startServer((exchange) => redirect(`/${exchange.index}`)(exchange))
    const feed = connect(server.url, { clock })
    // The fifth request within a second waits.
    while (waits.length === 0) await turn()
    feed.close()
    for (let i = 0; i < 5; i++) await turn()
    expect(timers.pending).toBe(0)
    expect(server.exchanges).toHaveLength(4)
  })

  test('waits a second for its turn at most, also when the clock is set back by an hour', async () => {
    const timers = createFakeClock()
    let setBackMs = 0
    const waits: number[] = []
    const clock: Clock = {
      now: () => timers.now() - setBackMs,
      after(delayMs, task) {
        // The other timers watch for silence.
        if (delayMs < 300_000) waits.push(delayMs)
        return timers.after(delayMs, task)
      },
    }
    const server = await startServer((exchange) => {
      if (exchange.index === 3) setBackMs = 3_600_000
      if (exchange.index < 4) redirect(`/${exchange.index}`)(exchange)
      else exchange.stream('data: x\n\n')
    })
    const taken = take(connect(server.url, { clock }), 1)
    while (waits.length === 0) await turn()
    timers.advance(1_000)
    expect(await taken).toHaveLength(1)
  })

  test.for([
    ['http://127.0.0.1:6000/', 'port 6000'],
    ['ftp://127.0.0.1/', '"ftp:"'],
    ['http://me:pw@127.0.0.1/', 'password'],
    ['http://[', 'not a URL'],
  ] as const)('to %s, where no request can go, closes the feed', async ([location, reason]) => {
    const server = await startServer(redirect(location))
    const error = await closingError(connect(server.url, { clock: new RushingClock() }))
    expect(error).toMatchObject({ code: 'REDIRECT_INVALID', status: 302 })
    expect(String(error)).toContain(reason)
    expect(String(error)).not.toContain('me:pw')
    expect(server.exchanges).toHaveLength(1)
  })

  test('keeps a POST and its body with 307, and closes the feed where it would lose them', async () => {
    const topics = Array.from({ length: 400 }, (_, i) => `orders/${i}/items`)
    const bodies: string[] = []
    const server = await startServer((exchange) => {
      let body = ''
      exchange.request.on('data', (chunk) => (body += String(chunk)))
      exchange.request.on('end', () => {
        bodies.push(body)
        if (exchange.index === 0) redirect('/moved', 307)(exchange)
        else if (exchange.index === 1) exchange.cut('id: c1\ndata: x\n\n')
        else redirect('/moved', 302)(exchange)
      })
    })
    const feed = connect(server.url, { topics, clock: new RushingClock() })
    const iterator = feed[Symbol.asyncIterator]()
    expect((await iterator.next()).value?.id).toBe('c1')
    await expect(iterator.next()).rejects.toMatchObject({ code: 'REDIRECT_INVALID', status: 302 })
    expect(bodies[1]).toBe(bodies[0])
    expect(JSON.parse(bodies[1] ?? '')).toMatchObject({ topics })
  })

  test('without a Location is an answer like another', async () => {
    const server = await startServer(({ response }) => response.writeHead(302).end())
    expect(await closingError(connect(server.url))).toMatchObject({ code: 'STATUS_WRONG' })
  })

  test('that only the browser sees is followed by it once, and paid for as if it went round 20 times', async () => {
    const clock = new RushingClock()
    const asked: [number, unknown][] = []
    const feed = connect('http://127.0.0.1:2/', {
      clock,
      random: () => 0,
      fetch: (_url, { redirect: mode }) => {
        asked.push([clock.now(), mode])
        // A browser's fetch in a loop: nothing can be read of it, then a bare TypeError.
        return mode === 'manual'
          ? Promise.resolve({
              type: 'opaqueredirect',
              status: 0,
              headers: new Headers(),
              body: null,
            } as Response)
          : Promise.reject(new TypeError('Failed to fetch'))
      },
    })
    while (asked.length < 20) await turn()
    feed.close()
    const seconds = ((asked[18]?.[0] ?? 0) - (asked[0]?.[0] ?? 0)) / 1000
    expect(asked.map(([, mode]) => mode).slice(0, 4)).toEqual([
      'manual',
      'follow',
      'manual',
      'follow',
    ])
    // Nine attempts of 1 + 1 + 20 requests, as many as a browser makes of a loop.
    expect((9 * 22) / seconds).toBeLessThanOrEqual(4)
  })
})

describe('what no request can do is found at once, not tried for ever', () => {
  test.for([
    'http://127.0.0.1:6000/',
    'http://127.0.0.1:0/',
    'https://example.org:25/',
    'http://example.org:10080/',
    'data:text/event-stream,data: x',
    'file:///etc/passwd',
    'http://exa mple.org/',
    'http://me@example.org/',
  ])('the URL %s', (url) => {
    expect(() => connect(url)).toThrow(expect.objectContaining({ code: 'URL_INVALID' }))
  })

  test('the forbidden ports are those of the fetch it runs on', async () => {
    for (const port of badPorts) {
      const refusal = await fetch(`http://127.0.0.1:${port}/`).catch((error: unknown) => error)
      const said = port === 0 ? /ECONNREFUSED|EADDRNOTAVAIL|bad port/ : /bad port/
      expect(String((refusal as Error).cause)).toMatch(said)
    }
    expect(badPorts.size).toBe(83)
  })

  test('a URL that is none', () => {
    for (const url of [null, 5, Symbol('url'), Object.create(null)]) {
      expect(() => connect(url as never)).toThrow(expect.objectContaining({ code: 'URL_INVALID' }))
    }
  })

  test.for([
    ['value with a control character', { authorization: 'a\u0001secret' }],
    ['value with DEL', { authorization: 'a\u007fsecret' }],
    ['value beyond Latin-1', { authorization: 'secret €' }],
    ['name', { 'a b': 'secret' }],
    ['symbol', { authorization: Symbol('secret') }],
    ['list', [['authorization']]],
    ['value that is not there', { authorization: undefined }],
    ['transfer-encoding', { 'transfer-encoding': 'chunked' }],
    ['expect', { expect: '100-continue' }],
    ['upgrade', { upgrade: 'websocket' }],
  ] as const)('a header that cannot be sent: %s', async ([, headers]) => {
    const server = await startServer((exchange) => exchange.stream('data: x\n\n'))
    const feed = connect(server.url, { headers: headers as never, clock: new RushingClock() })
    const error = await closingError(feed)
    expect(error).toMatchObject({ code: 'REQUEST_INVALID' })
    expect(String(error)).not.toContain('secret')
    expect(server.exchanges).toEqual([])
  })

  test.for([
    ['topics', 'orders/*'],
    ['topics', [1]],
    ['since', -10],
    ['lastEventId', 7],
    ['lastEventId', 'a\nb'],
    ['lastEventId', 'a\u0000b'],
    ['headers', 5],
    ['fetch', null],
    ['fetch', 'fetch'],
    ['signal', {}],
    ['clock', {}],
    ['random', 0.5],
    ['heartbeatMs', Number.NaN],
    ['heartbeatMs', -1],
    ['heartbeatMs', '15000'],
    ['heartbeatMs', 15_000n],
    ['eventCharactersMax', 0],
    ['eventCharactersMax', 1.5],
    ['eventCharactersMax', Infinity],
    ['eventCharactersMax', '1MiB'],
    ['retry', null],
    ['retry', 5],
    ['retry', { baseMs: Number.NaN }],
    ['retry', { baseMs: '1000' }],
    ['retry', { capMs: Number.NaN }],
    ['retry', { capMs: -1 }],
    ['retry', { capMs: Symbol('cap') }],
    ['retry', { attemptsMax: Number.NaN }],
    ['retry', { attemptsMax: '3' }],
  ] as const)('the option %s, odd in way %$', ([name, value]) => {
    const options = { [name]: value } as ConnectOptions
    expect(() => connect('http://example.org/', options)).toThrow(
      expect.objectContaining({
        code: 'OPTIONS_INVALID',
        message: expect.stringContaining(name) as string,
      }),
    )
  })

  test('options that are none', () => {
    for (const options of [null, 5, 'x']) {
      expect(() => connect('http://example.org/', options as never)).toThrow(ClientError)
    }
  })
})

test('headers of a library that only can be iterated are sent, not lost without a word', async () => {
  const server = await startServer((exchange) => exchange.stream('data: x\n\n'))
  const headers = new Map([['authorization', 'Bearer t']])
  await take(connect(server.url, { headers: headers as never }), 1)
  expect(server.exchanges[0]?.request.headers.authorization).toBe('Bearer t')
})

test('a Content-Length among the headers is left out, as browsers do, and the body arrives', async () => {
  const topics = Array.from({ length: 400 }, (_, i) => `orders/${i}/items`)
  let body = ''
  const server = await startServer(({ request, stream }) => {
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => stream('data: x\n\n'))
  })
  await take(connect(server.url, { topics, headers: { 'content-length': '9' } }), 1)
  expect(JSON.parse(body)).toMatchObject({ topics })
})

test('a token that never comes does not park a feed: it is asked for again', async () => {
  const server = await startServer((exchange) => exchange.stream('data: x\n\n'))
  const clock = createFakeClock()
  let calls = 0
  const headers = (): Promise<Record<string, string>> =>
    calls++ === 0 ? new Promise(() => undefined) : Promise.resolve({})
  const feed = connect(server.url, { headers, clock })
  const waiting = nextPhase(feed, 'waiting')
  const taken = take(feed, 1)
  while (clock.pending === 0) await turn()
  clock.advance(60_000)
  const { error, delayMs } = await waiting
  expect(error.code).toBe('HEADERS_FAILED')
  await turn()
  clock.advance(delayMs)
  expect(await taken).toHaveLength(1)
})
