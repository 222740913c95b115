// The Fetch API's door, read by a plain reader.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { memoryLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark, TidemarkOptions } from '../src/index.ts'
import {
  fetchChunkBytes,
  goodbyeMs,
  heartbeatMs,
  stalledAfterMs,
  subscriptionBytesMax,
  writeBlocksMax,
  writeBytesMax,
} from '../src/limits.ts'
import { FetchClient } from './support/fetch-client.ts'
import { expectExactlyOnce } from './support/returning-readers.ts'
import { settle } from './support/settle.ts'

const site = 'http://localhost/events'

function start(options: Partial<TidemarkOptions> = {}): Tidemark {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog(), ...options })
  onTestFinished(() => tide.close())
  return tide
}

async function connect(tide: Tidemark, query: string, init?: RequestInit): Promise<FetchClient> {
  return new FetchClient(await tide.fetch(new Request(`${site}${query}`, init)))
}

/** Lets replays that are due go as far as they can. */
describe('a stream', () => {
  test('has the headers that keep proxies from holding it back, and begins with ready', async () => {
    const client = await connect(start(), '?topic=a')
    expect(client.response.status).toBe(200)
    expect(Object.fromEntries(client.response.headers)).toEqual({
      'content-type': 'text/event-stream; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    await client.read()
    expect(client.events.map(({ type }) => type)).toEqual(['tidemark.ready'])
  })

  test('brings events of any length and script, in order', async () => {
    const tide = start()
    const client = await connect(tide, '?topic=a')
    await client.untilType('tidemark.ready')
    const sent = ['x', 'grüße 🌊', 'a\nb', 'y'.repeat(2 * writeBytesMax), '', 'end']
    for (const data of sent) await tide.publish('a', { data })
    await client.untilData('end')
    expect(client.published).toEqual(sent)
  })

  test('goes on from Last-Event-ID, which wins over the query', async () => {
    const tide = start()
    const { cursor } = await tide.publish('a', { data: 'before' })
    await tide.publish('a', { data: 'missed' })
    const headers = { 'Last-Event-ID': cursor }
    const client = await connect(tide, '?topic=a&lastEventId=garbage', { headers })
    await client.untilData('missed')
    expect(client.published).toEqual(['missed'])
  })

  test('is opened by the JSON body of a POST, too', async () => {
    const tide = start()
    await tide.publish('a', { data: 'one' })
    await tide.publish('b/c', { data: 'two' })
    const body = JSON.stringify({ topics: ['a', 'b/*'], since: 'earliest' })
    const client = await connect(tide, '', { method: 'POST', body })
    await client.untilData('two')
    expect(client.published).toEqual(['one', 'two'])
  })

  test('of topics that the application chooses asks the request for none', async () => {
    const tide = start()
    await tide.publish('a', { data: 'one' })
    const request = new Request(`${site}?of=another+router`)
    const chosen = { topics: ['a'], since: 'earliest' }
    const client = new FetchClient(await tide.fetch(request, chosen))
    await client.untilData('one')
  })

  test('that drains says goodbye and ends', async () => {
    const tide = start()
    const client = await connect(tide, '?topic=a')
    const drained = tide.drain()
    await client.untilType('tidemark.bye')
    expect(await client.read()).toBeUndefined()
    await drained
  })

  test('is not opened for HEAD, which gets its head only', async () => {
    const tide = start()
    const response = await tide.fetch(new Request(`${site}?topic=a`, { method: 'HEAD' }))
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.body).toBeNull()
    expect(tide.sessionCount).toBe(0)
  })
})

describe('a reader that leaves', () => {
  test('by cancelling is forgotten at once', async () => {
    const tide = start()
    const client = await connect(tide, '?topic=a')
    await client.untilType('tidemark.ready')
    expect(tide.sessionCount).toBe(1)
    await client.cancel()
    expect(tide.sessionCount).toBe(0)
  })

  test('by cancelling in the middle of a burst resumes with what it had not read', async () => {
    const tide = start()
    const first = await connect(tide, '?topic=a')
    await first.untilType('tidemark.ready')
    const sent = Array.from({ length: 200 }, (_, i) => `${i} ${'z'.repeat(10_000)}`)
    const publishing = sent.map((data) => tide.publish('a', { data }))
    await first.until(({ data }) => data.startsWith('50 '))
    await first.cancel()
    await Promise.all(publishing)
    const headers = { 'Last-Event-ID': first.lastEventId }
    const second = await connect(tide, '?topic=a', { headers })
    await second.until(({ data }) => data.startsWith('199 '))
    expect([...first.published, ...second.published]).toEqual(sent)
  })

  test('by aborting its request is forgotten, and its stream ends', async () => {
    const tide = start()
    const leave = new AbortController()
    const client = await connect(tide, '?topic=a', { signal: leave.signal })
    await client.untilType('tidemark.ready')
    leave.abort()
    expect(tide.sessionCount).toBe(0)
    expect(await client.read()).toBeUndefined()
  })

  test('by aborting is heard when its request was long collected as garbage', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const tide = start()
    const leave = new AbortController()
    const client = await connect(tide, '?topic=a', { signal: leave.signal })
    await client.untilType('tidemark.ready')
    for (let turn = 0; turn < 5; turn++) {
      await settle()
      collect()
    }
    leave.abort()
    expect(tide.sessionCount).toBe(0)
  })

  test('takes its timers along', async () => {
    const clock = createFakeClock()
    const timers = new Set<unknown>()
    const after: typeof clock.after = (delayMs, run) => {
      const timer = clock.after(delayMs, () => {
        timers.delete(timer)
        run()
      })
      timers.add(timer)
      return {
        cancel() {
          timers.delete(timer)
          timer.cancel()
        },
      }
    }
    const tide = start({ clock: { ...clock, after } })
    const leave = new AbortController()
    const aborted = await connect(tide, '?topic=a', { signal: leave.signal })
    const cancelled = await connect(tide, '?topic=a')
    for (const client of [aborted, cancelled]) await client.untilType('tidemark.ready')
    leave.abort()
    await cancelled.cancel()
    clock.advance(2 * heartbeatMs)
    expect(timers.size).toBe(0)
  })

  test('before it was served never becomes a session', async () => {
    const tide = start()
    await tide.fetch(new Request(`${site}?topic=a`, { signal: AbortSignal.abort() }))
    expect(tide.sessionCount).toBe(0)
  })
})

test('the door may be handed over without its node', async () => {
  const tide = start()
  const { fetch: GET } = tide
  const client = new FetchClient(await GET(new Request(`${site}?topic=a`)))
  await client.untilType('tidemark.ready')
  await client.cancel()
  expect(tide.sessionCount).toBe(0)
})

describe('a reader that does not read', () => {
  test('costs a constant, and gets everything once it reads', async () => {
    const tide = start()
    const client = await connect(tide, '?topic=a')
    const sent = Array.from({ length: 250 }, (_, i) => `${i} ${'z'.repeat(8_000)}`)
    for (const data of sent) await tide.publish('a', { data })
    await settle(20)
    const chunk = await client.read()
    expect(chunk?.length).toBeGreaterThan(writeBytesMax / 2)
    expect(chunk?.length).toBeLessThanOrEqual(fetchChunkBytes)
    await client.until(({ data }) => data.startsWith('249 '))
    expect(client.published).toEqual(sent)
  })

  test('holds nothing up for one that does', async () => {
    const tide = start()
    await connect(tide, '?topic=a')
    const reader = await connect(tide, '?topic=a')
    const bursts = ['one', 'two', 'three'].map((name) =>
      ['a', 'b', 'c', 'd'].map((part) => `${name} ${part} ${'z'.repeat(512 * 1024)}`),
    )
    for (const burst of bursts) {
      const publishing = tide.publishAll(burst.map((data) => ({ topic: 'a', data })))
      await reader.untilData(burst.at(-1) ?? '')
      await publishing
    }
    expect(reader.published).toEqual(bursts.flat())
  })

  test('is closed on a quiet topic, too: an answer the application has dropped is no session for ever', async () => {
    const clock = createFakeClock()
    const tide = start({ clock })
    const dropped = await connect(tide, '?topic=a')
    await tide.publish('a', { data: 'one' })
    await settle(20)
    for (let beats = 0; beats <= writeBlocksMax; beats++) clock.advance(heartbeatMs)
    expect(tide.sessionCount).toBe(1)
    clock.advance(2 * stalledAfterMs)
    expect(tide.sessionCount).toBe(0)
    clock.advance(2 * goodbyeMs)
    await expect(dropped.read()).rejects.toMatchObject({ code: 'STREAM_CUT' })
  })

  test('is live again as soon as it reads, however many small events came', async () => {
    const tide = start()
    const client = await connect(tide, '?topic=a')
    const sent = Array.from({ length: 3 * writeBlocksMax }, (_, i) => `${i}`)
    for (const data of sent) {
      await tide.publish('a', { data })
      await settle()
    }
    await client.untilData(sent.at(-1) ?? '')
    expect(client.published).toEqual(sent)
  })

  test('is closed once it is stalled, and resumes exactly', async () => {
    const tide = start({ stalledAfterMs: 100 })
    const stalled = await connect(tide, '?topic=a')
    const sent = Array.from({ length: 100 }, (_, i) => `${i} ${'z'.repeat(4_000)}`)
    for (const data of sent) await tide.publish('a', { data })
    await expect.poll(() => tide.sessionCount).toBe(0)
    while ((await stalled.read()) !== undefined);
    expect(stalled.events.at(-1)?.type).toBe('tidemark.bye')
    const headers = { 'Last-Event-ID': stalled.lastEventId }
    const next = await connect(tide, '?topic=a', { headers })
    await next.until(({ data }) => data.startsWith('99 '))
    expect([...stalled.published, ...next.published]).toEqual(sent)
  })
})

test('a reader that does not even take the goodbye is cut, and told so when it comes to read', async () => {
  const clock = createFakeClock()
  const tide = start({ clock })
  const client = await connect(tide, '?topic=a')
  await tide.close()
  clock.advance(2 * goodbyeMs)
  await expect(client.read()).rejects.toMatchObject({ code: 'STREAM_CUT' })
})

test('a reader that moves the memory of its chunks away takes nothing from others', async () => {
  const tide = start()
  const mover = await connect(tide, '?topic=a')
  const other = await connect(tide, '?topic=a')
  for (const data of ['one', 'two']) {
    await tide.publish('a', { data })
    const chunk = await mover.read()
    if (chunk !== undefined) structuredClone(chunk, { transfer: [chunk.buffer] })
    await other.untilData(data)
  }
  expect(other.published).toEqual(['one', 'two'])
})

test.each(Array.from({ length: 8 }, (_, seed) => seed))(
  'readers that pause, cancel, abort and come back get everything exactly once (seed %i)',
  async (seed) => {
    const tide = start()
    await expectExactlyOnce(tide, {
      seed,
      events: 400,
      async open(lastEventId, random) {
        const gone = new AbortController()
        const init = { headers: { 'Last-Event-ID': lastEventId }, signal: gone.signal }
        const client = await connect(tide, '?topic=a&since=earliest', init)
        return {
          client,
          leave: () => (random.int(1) === 0 ? client.cancel() : gone.abort()),
        }
      },
    })
  },
)

describe('refusals', () => {
  const post = (body: BodyInit): RequestInit => ({ method: 'POST', body })

  test.each<[string, [query: string, init: RequestInit], [status: number, code: string]]>([
    ['a topic that breaks the rules', ['?topic=a/../b', {}], [400, 'TOPIC_INVALID']],
    ['a query that is no UTF-8', ['?topic=%FF', {}], [400, 'QUERY_INVALID']],
    ['a value that is none', ['?topic=a&since=teatime', {}], [400, 'QUERY_INVALID']],
    ['a body that is no JSON', ['', post('topics')], [400, 'BODY_NOT_JSON']],
    [
      'a body that is no UTF-8',
      ['', post(new Uint8Array([0x22, 0xff, 0x22]))],
      [400, 'BODY_NOT_JSON'],
    ],
    [
      'a body cut inside a character',
      ['', post(new Uint8Array([0x22, 0xc3]))],
      [400, 'BODY_NOT_JSON'],
    ],
    ['no body', ['', { method: 'POST' }], [400, 'BODY_NOT_JSON']],
    ['a body of the wrong form', ['', post('["a"]')], [400, 'QUERY_INVALID']],
    ['a body too long', ['', post(' '.repeat(subscriptionBytesMax + 1))], [413, 'BODY_TOO_LARGE']],
  ])('%s is a status for everybody', async (_, [query, init], [status, code]) => {
    const headers = { Accept: 'text/event-stream' }
    const response = await start().fetch(new Request(`${site}${query}`, { ...init, headers }))
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ status, code })
  })

  test.each(['OPTIONS', 'PUT', 'DELETE'])(
    '%s opens no session, whoever says what to subscribe to',
    async (method) => {
      const tide = start()
      const request = new Request(`${site}?topic=a`, { method })
      const response = await tide.fetch(request)
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toBe('GET, HEAD, POST')
      expect(await response.json()).toMatchObject({ code: 'METHOD_NOT_ALLOWED' })
      expect((await tide.fetch(request, { topics: ['a'] })).status).toBe(405)
      expect(tide.sessionCount).toBe(0)
    },
  )

  test('a body without end is not read beyond the limit', async () => {
    let pulled = 0
    const body = new ReadableStream({
      pull(controller) {
        pulled += 65_536
        controller.enqueue(new Uint8Array(65_536).fill(0x20))
      },
    })
    const request = new Request(site, { method: 'POST', body, ...{ duplex: 'half' } })
    expect((await start().fetch(request)).status).toBe(413)
    expect(pulled).toBeLessThan(2 * subscriptionBytesMax)
  })

  test('a body somebody has read already is the application’s mistake', async () => {
    const request = new Request(site, { method: 'POST', body: '{"topics":["a"]}' })
    await request.text()
    const response = await start().fetch(request)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'BODY_UNUSABLE' })
  })

  test('a full node sends an EventSource away as a 200 that ends, and others with 503', async () => {
    const tide = start({ sessionsMax: 0 })
    const { cursor } = await tide.publish('a', { data: 'before' })
    await expect.poll(() => tide.liveCursor).toBe(cursor)
    const headers = { Accept: 'text/event-stream' }
    const client = await connect(tide, '?topic=a', { headers })
    expect(client.response.status).toBe(200)
    await client.untilType('tidemark.bye')
    expect(client.lastEventId).toBe(cursor)
    expect(await client.read()).toBeUndefined()
    const response = await tide.fetch(new Request(`${site}?topic=a`))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(await response.json()).toMatchObject({ code: 'FULL' })
  })
})
