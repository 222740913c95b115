// The door of `node:http2`: many streams on one connection, windows that stay shut, streams and connections
// that end.

import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect as connectSession, constants, createSecureServer } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTcp, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { ClientHttp2Session, ClientHttp2Stream, Http2ServerResponse } from 'node:http2'
import { createGunzip, gunzipSync } from 'node:zlib'
import { memoryLog } from '@tidemark/log'
import { createFakeClock, createRandom, makeCertificate } from '@tidemark/testkit'
import { createDecoder } from '@tidemark/wire'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark, TidemarkOptions } from '../src/index.ts'
import { goodbyeMs, writeBytesMax } from '../src/limits.ts'
import { ask, connectHttp2, serveHttp2 } from './support/http2-server.ts'
import type { Http2Server } from './support/http2-server.ts'

type Wrap = (response: Http2ServerResponse) => void

interface Started {
  readonly tide: Tidemark
  readonly server: Http2Server
  /** A connection with this initial window for each stream. */
  readonly connect: (initialWindowSize?: number) => ClientHttp2Session
}

async function start(options: Partial<TidemarkOptions> = {}, wrap?: Wrap): Promise<Started> {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog(), ...options })
  const server = await serveHttp2((request, response) => {
    wrap?.(response)
    void tide.subscribe(request, response)
  })
  onTestFinished(async () => {
    await tide.close()
    await server.close()
  })
  return {
    tide,
    server,
    connect: (initialWindowSize) => {
      const session = connectHttp2(server.port, initialWindowSize)
      onTestFinished(() => session.destroy())
      return session
    },
  }
}

/** Does to a response as middleware does: puts a `write` of its own in front of Node's. */
function wrapWrite(response: Http2ServerResponse): void {
  const write = response.write.bind(response)
  response.write = (chunk: Uint8Array | string) => write(chunk)
}

describe.each<[string, Wrap | undefined]>([
  ['a plain response', undefined],
  ['a wrapped response', wrapWrite],
])('%s', (_, wrap) => {
  test('has the headers of a stream and none that belong to a connection', async () => {
    const warnings: unknown[] = []
    const onWarning = (warning: unknown): void => void warnings.push(warning)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    const { connect } = await start({}, wrap)
    const client = ask(connect(), '/?topic=a')
    await client.until('tidemark.ready')
    const { date, ...headers } = client.headers
    expect(date).toBeDefined()
    expect(headers).toMatchObject({
      ':status': 200,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
    expect(Object.keys(headers)).toHaveLength(5)
    expect(warnings).toEqual([])
  })

  test('brings events of any length and script, in order', async () => {
    const { tide, connect } = await start({}, wrap)
    const client = ask(connect(), '/?topic=a')
    await client.until('tidemark.ready')
    const sent = ['x', 'grüße 🌊', 'a\nb', 'y'.repeat(2 * writeBytesMax), '', 'end']
    for (const data of sent) await tide.publish('a', { data })
    await client.until('data: end\n')
    expect(client.published).toEqual(sent)
  })

  test('of a peer that reads later lags, and brings everything then', async () => {
    const { tide, connect } = await start({}, wrap)
    const client = ask(connect(), '/?topic=a')
    await client.until('tidemark.ready')
    client.stream.pause()
    const sent = Array.from({ length: 300 }, (_item, i) => `${i} ${'z'.repeat(8_000)}`)
    for (const data of sent) await tide.publish('a', { data })
    client.stream.resume()
    await tide.publish('a', { data: 'end' })
    await client.until('data: end\n')
    expect(client.published).toEqual([...sent, 'end'])
  })

  test('of a peer that resets its stream closes that session only', async () => {
    const { tide, connect } = await start({}, wrap)
    const session = connect()
    const [first, second] = [ask(session, '/?topic=a'), ask(session, '/?topic=a')]
    await Promise.all([first.until('tidemark.ready'), second.until('tidemark.ready')])
    expect(tide.sessionCount).toBe(2)
    first.stream.close(8)
    await expect.poll(() => tide.sessionCount).toBe(1)
    await tide.publish('a', { data: 'still here' })
    await second.until('still here')
  })

  test('that drains says goodbye and ends in good order', async () => {
    const { tide, connect } = await start({}, wrap)
    const client = ask(connect(), '/?topic=a')
    await client.until('tidemark.ready')
    const ended = once(client.stream, 'end')
    await tide.drain()
    await ended
    expect(client.events.at(-1)?.type).toBe('tidemark.bye')
    expect(client.stream.rstCode).toBe(0)
  })
})

test('a hundred streams share one connection, each with its own topic', async () => {
  const { tide, connect } = await start()
  const session = connect()
  const clients = Array.from({ length: 100 }, (_, i) => ask(session, `/?topic=own/${i}`))
  await Promise.all(clients.map((client) => client.until('tidemark.ready')))
  for (let i = 0; i < 100; i++) await tide.publish(`own/${i}`, { data: `for ${i}.` })
  await Promise.all(clients.map((client, i) => client.until(`for ${i}.`)))
  expect(clients.map(({ published }) => published)).toEqual(clients.map((_, i) => [`for ${i}.`]))
})

test('a connection that is cut, or closed after GOAWAY, takes all its sessions with it', async () => {
  const { tide, connect } = await start()
  for (const leave of ['destroy', 'close'] as const) {
    const session = connect()
    const clients = Array.from({ length: 10 }, () => ask(session, '/?topic=a'))
    await Promise.all(clients.map((client) => client.until('tidemark.ready')))
    expect(tide.sessionCount).toBe(10)
    session[leave]()
    if (leave === 'close') for (const client of clients) client.stream.close()
    await expect.poll(() => tide.sessionCount).toBe(0)
  }
})

test('a stream of a client that accepts gzip is compressed', async () => {
  const { tide, connect } = await start()
  const client = ask(connect(), '/?topic=a', { 'accept-encoding': 'gzip' })
  const chunks: Buffer[] = []
  client.stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(client.stream, 'response')
  await tide.publish('a', { data: 'z'.repeat(1_000) })
  await tide.close()
  await once(client.stream, 'end')
  expect(client.headers).toMatchObject({ 'content-encoding': 'gzip' })
  expect(gunzipSync(Buffer.concat(chunks)).toString()).toContain('z'.repeat(1_000))
})

describe('a peer that never opens its window', () => {
  test('and resets its stream without an error is forgotten at once, and what waited for it', async () => {
    const { tide, server, connect } = await start()
    const shut = ask(connect(0), '/?topic=a')
    await once(shut.stream, 'response')
    for (let i = 0; i < 30; i++) await tide.publish('a', { data: 'z'.repeat(4_000) })
    await expect.poll(() => server.heldBytes()).toBeGreaterThan(writeBytesMax)
    shut.stream.close(constants.NGHTTP2_NO_ERROR)
    await expect.poll(() => tide.sessionCount).toBe(0)
    await expect.poll(() => server.heldBytes()).toBe(0)
  })

  test('costs a constant, however much passes, and holds nobody else up', async () => {
    const { tide, server, connect } = await start()
    const shut = connect(0)
    const streams = Array.from({ length: 20 }, () => ask(shut, '/?topic=a'))
    await Promise.all(streams.map(({ stream }) => once(stream, 'response')))
    const reader = ask(connect(), '/?topic=a')
    await reader.until('tidemark.ready')
    expect(tide.sessionCount).toBe(21)
    const sent = Array.from({ length: 320 }, (_, i) => `${i} ${'z'.repeat(32 * 1024)}`)
    for (const data of sent) await tide.publish('a', { data })
    await reader.until('319 z')
    await tide.publish('a', { data: 'end' })
    await reader.until('data: end\n')
    expect(reader.published).toEqual([...sent, 'end'])
    // Up to the limit and the block that passed it, of 10 MiB.
    expect(server.heldBytes()).toBeLessThanOrEqual(20 * 3 * writeBytesMax)
    expect(server.heldBytes()).toBeGreaterThan(0)
  })

  test('is closed once it is stalled, and resumes exactly with a window', async () => {
    const { tide, connect } = await start({ stalledAfterMs: 100 })
    const session = connect(0)
    const stalled = ask(session, '/?topic=a')
    await once(stalled.stream, 'response')
    const sent = Array.from({ length: 100 }, (_, i) => `${i} ${'z'.repeat(4_000)}`)
    for (const data of sent) await tide.publish('a', { data })
    await expect.poll(() => tide.sessionCount).toBe(0)
    session.settings({ initialWindowSize: 1024 * 1024 })
    await stalled.until('tidemark.bye')
    const lastEventId = stalled.events.at(-1)?.id ?? ''
    const next = ask(connect(), '/?topic=a', { 'last-event-id': lastEventId })
    await next.until('99 z')
    await tide.publish('a', { data: 'end' })
    await next.until('data: end\n')
    expect([...stalled.published, ...next.published]).toEqual([...sent, 'end'])
  })

  test('and never takes its goodbye is cut, and its connection serves other streams', async () => {
    const clock = createFakeClock()
    const { tide, connect } = await start({ clock, stalledAfterMs: 100 })
    const session = connect(0)
    const shut = ask(session, '/?topic=a')
    await once(shut.stream, 'response')
    for (let i = 0; i < 30; i++) await tide.publish('a', { data: 'z'.repeat(4_000) })
    clock.advance(200)
    expect(tide.sessionCount).toBe(0)
    clock.advance(2 * goodbyeMs)
    await once(shut.stream, 'close')
    session.settings({ initialWindowSize: 65_535 })
    const next = ask(session, '/?topic=a')
    await next.until('tidemark.ready')
  })
})

describe.each([{}, { 'accept-encoding': 'gzip' }])(
  'in the midst of a large block (%o)',
  (headers) => {
    // Digits, so that what is left of them compressed is still more than a window.
    const random = createRandom(7)
    const large = Array.from({ length: 100_000 }, () => 1e7 + random.int(9e7 - 1)).join('')

    /** A stream whose client has read a part of a large event and waits. */
    async function openInMidst() {
      let response: Http2ServerResponse | undefined
      const started = await start({}, (given) => (response = given))
      const stream = started.connect().request({ ':path': '/?topic=a', ...headers })
      await once(stream, 'response')
      if (response === undefined) throw new Error('The server has no response.')
      const { stream: own } = response
      await started.tide.publish('a', { data: large })
      await expect.poll(() => own.writableNeedDrain).toBe(true)
      return { ...started, stream, response }
    }

    /** The events of what arrives from now on: their types and data, of the large one whether it is whole. */
    function readEvents(stream: ClientHttp2Stream) {
      const events: (readonly [string, string | boolean])[] = []
      const decoder = createDecoder({
        event: ({ type, data }) => {
          if (!type.startsWith('tidemark.'))
            events.push([type, data.length < 10 ? data : data === large])
        },
      })
      const source = 'accept-encoding' in headers ? stream.pipe(createGunzip()) : stream
      source.on('data', (chunk: Buffer) => decoder.push(chunk))
      return { events, ended: once(source, 'end') }
    }

    test('what the application writes does not stand inside the event, and it hears of drain', async () => {
      const { tide, stream, response } = await openInMidst()
      const done: unknown[] = []
      expect(response.write('event: own\ndata: 1\n\n', () => done.push(1))).toBe(false)
      const drained = once(response, 'drain')
      const { events, ended } = readEvents(stream)
      await drained
      await expect.poll(() => events).toContainEqual(['own', '1'])
      expect(done).toEqual([1])
      response.write('event: own\ndata: 2\n\n')
      await tide.publish('a', { data: 'next' })
      await expect.poll(() => events).toHaveLength(4)
      expect(events).toEqual([
        ['message', true],
        ['own', '1'],
        ['own', '2'],
        ['message', 'next'],
      ])
      response.end()
      await ended
    })

    test('an application that says something and ends the stream cuts no event', async () => {
      const { tide, stream, response } = await openInMidst()
      const done: unknown[] = []
      response.end('event: own\ndata: 1\n\n', () => done.push(1))
      expect(response.writableEnded).toBe(true)
      const { events, ended } = readEvents(stream)
      await ended
      expect(events).toEqual([
        ['message', true],
        ['own', '1'],
      ])
      await expect.poll(() => done).toEqual([1])
      await expect.poll(() => tide.sessionCount).toBe(0)
    })

    test('a stream that is destroyed tells those who wait to hear of their writes', async () => {
      const { tide, stream, response } = await openInMidst()
      const done: unknown[] = []
      response.write('event: own\ndata: 1\n\n', () => done.push(1))
      response.stream.destroy()
      await expect.poll(() => done).toEqual([1])
      await expect.poll(() => tide.sessionCount).toBe(0)
      stream.destroy()
    })
  },
)

describe('refusals', () => {
  test('a full node sends an EventSource away as a 200 that ends, and others with 503', async () => {
    const { connect } = await start({ sessionsMax: 0 })
    const session = connect()
    const source = ask(session, '/?topic=a', { accept: 'text/event-stream' })
    await source.until('"reason":"full"')
    expect(source.headers[':status']).toBe(200)
    const other = ask(session, '/?topic=a', { accept: '*/*' })
    await other.until('"code":"FULL"')
    expect(other.headers).toMatchObject({
      ':status': 503,
      'retry-after': expect.stringMatching(/\d/),
    })
  })

  test('a request that can never succeed is a status', async () => {
    const { connect } = await start()
    const client = ask(connect(), '/?topic=a/../b', { accept: 'text/event-stream' })
    await client.until('"code":"TOPIC_INVALID"')
    expect(client.headers[':status']).toBe(400)
  })

  test('HEAD gets the head of a stream and opens none', async () => {
    const { tide, connect } = await start()
    const client = ask(connect(), '/?topic=a', { ':method': 'HEAD' })
    await once(client.stream, 'close')
    expect(client.headers).toMatchObject({ ':status': 200, 'x-accel-buffering': 'no' })
    expect(tide.sessionCount).toBe(0)
  })
})

test('a client that opens all its windows and reads nothing is given a slice of a large event per stream, not a copy', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-http2-'))
  const { cert, key } = await makeCertificate(directory)
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const server = createSecureServer({ cert: await readFile(cert), key: await readFile(key) })
  server.on('request', (request, response) => void tide.subscribe(request, response))
  // Node's client reads whatever comes, so somebody in between stops.
  const upstreams: Socket[] = []
  const between = createServer((downstream) => {
    const upstream = connectTcp((server.address() as AddressInfo).port, '127.0.0.1')
    upstreams.push(upstream)
    downstream.on('error', () => undefined).pipe(upstream.on('error', () => undefined))
    upstream.pipe(downstream)
  })
  for (const each of [server, between]) {
    each.listen(0, '127.0.0.1')
    await once(each, 'listening')
  }
  const session = connectSession(`https://127.0.0.1:${(between.address() as AddressInfo).port}`, {
    settings: { initialWindowSize: 2 ** 31 - 1 },
    rejectUnauthorized: false,
  }).on('error', () => undefined)
  onTestFinished(async () => {
    session.destroy()
    for (const upstream of upstreams) upstream.destroy()
    await tide.close()
    between.close()
    server.close()
    await rm(directory, { recursive: true })
  })
  await once(session, 'remoteSettings')
  session.setLocalWindowSize(2 ** 31 - 1)
  const streams = 60
  for (let i = 0; i < streams; i++) session.request({ ':path': '/?topic=a' })
  await expect.poll(() => tide.sessionCount).toBe(streams)
  for (const upstream of upstreams) upstream.unpipe().pause()
  const before = process.memoryUsage().rss
  for (let i = 0; i < 3; i++) await tide.publish('a', { data: 'x'.repeat(1_000_000) })
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  // Copies for each stream would be 60 MB of the first event alone.
  expect(process.memoryUsage().rss - before).toBeLessThan(40_000_000)
})
