// The contract of every door, on which a client, a proxy and an application can rely.

import { memoryLog, openLedger } from '@tidemark/log'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ServerError, createTidemark } from '../../src/index.ts'
import type { Grant, PlainRequest, TidemarkOptions } from '../../src/index.ts'
import { subscriptionBytesMax } from '../../src/limits.ts'
import { describeFilters } from './describe-filters.ts'
import { describeGrants } from './describe-grants.ts'
import type { Door } from './doors.ts'
import { settle } from './settle.ts'
import type { Start, Started } from './start-door.ts'

const json = { 'content-type': 'application/json' }
const eventSource = { accept: 'text/event-stream' }

/** Tests one door. */
export function describeDoor(door: Door): void {
  const start = async (options: Partial<TidemarkOptions> = {}): Promise<Started> => {
    const tide = createTidemark({ authorize: 'everyone', log: memoryLog(), ...options })
    const open = await door.open(tide)
    onTestFinished(async () => {
      await tide.close()
      await open.close()
    })
    return { tide, door: open, ask: (ask) => open.ask(ask) }
  }

  const { name } = door
  describe(`by ${name}`, () => {
    describeMethods(start)
    describeBodies(start)
    describeRefusals(start)
    describeAuthorize(start)
    describeGrants(start)
    describeFilters(start)
    describeLeaving(start)
  })
}

function describeMethods(start: Start): void {
  test('GET opens a stream with the headers that keep proxies from holding it back', async () => {
    const { tide, ask } = await start()
    const answer = await ask({ query: '?topic=a' })
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    await tide.publish('a', { data: 'one' })
    await expect.poll(() => answer.text).toContain('data: one\n\n')
    expect(tide.sessionCount).toBe(1)
  })

  test('HEAD gets the head of a stream, and opens none', async () => {
    const { tide, ask } = await start()
    const answer = await ask({ method: 'HEAD', query: '?topic=a' })
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8')
    expect(answer.text).toBe('')
    expect(tide.sessionCount).toBe(0)
  })

  test('HEAD for what is refused says so', async () => {
    const { ask } = await start()
    const answer = await ask({ method: 'HEAD', query: '?topic=a/../b' })
    expect(answer.status).toBe(400)
    expect(answer.text).toBe('')
  })

  test.each(['OPTIONS', 'PUT', 'PATCH', 'DELETE'])(
    '%s is refused with the methods there are, and opens no stream',
    async (method) => {
      const { tide, ask } = await start()
      const answer = await ask({ method, query: '?topic=a' })
      expect(answer.status).toBe(405)
      expect(answer.headers['allow']).toBe('GET, HEAD, POST')
      await expect.poll(() => answer.text).toContain('"code":"METHOD_NOT_ALLOWED"')
      expect(tide.sessionCount).toBe(0)
    },
  )

  test('Last-Event-ID goes on where the client was, and wins over the query', async () => {
    const { tide, ask } = await start()
    const { cursor } = await tide.publish('a', { data: 'before' })
    await tide.publish('a', { data: 'missed' })
    const headers = { 'last-event-id': cursor }
    const answer = await ask({ query: '?topic=a&lastEventId=garbage', headers })
    await expect.poll(() => answer.text).toContain('data: missed\n\n')
    expect(answer.text).not.toContain('data: before')
    expect(answer.text).toContain('"resumed":"exact"')
  })
}

function describeBodies(start: Start): void {
  test('POST opens a stream for a list of topics too long for a URL', async () => {
    const { tide, ask } = await start()
    const topics = Array.from({ length: 1_000 }, (_, i) => `orders/${'ü'.repeat(80)}/${i}`)
    const answer = await ask({ method: 'POST', headers: json, body: JSON.stringify({ topics }) })
    expect(answer.status).toBe(200)
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    const { sessions } = await tide.publish(topics.at(-1) ?? '', { data: 'one' })
    expect(sessions).toBe(1)
    await expect.poll(() => answer.text).toContain('data: one\n\n')
    answer.leave()
    await expect.poll(() => tide.sessionCount).toBe(0)
  })

  test('POST goes on from Last-Event-ID, which wins over the body', async () => {
    const { tide, ask } = await start()
    const { cursor } = await tide.publish('a', { data: 'before' })
    await tide.publish('a', { data: 'missed' })
    const body = JSON.stringify({ topics: ['a'], since: 'earliest', lastEventId: 'garbage' })
    const headers = { ...json, 'last-event-id': cursor }
    const answer = await ask({ method: 'POST', headers, body })
    await expect.poll(() => answer.text).toContain('data: missed\n\n')
    expect(answer.text).not.toContain('data: before')
  })

  test('POST without a type of content is read as JSON', async () => {
    const { ask } = await start()
    const answer = await ask({ method: 'POST', body: '{"topics":["a"]}' })
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
  })

  test.each<[string, string | Uint8Array | undefined, [status: number, code: string]]>([
    ['is no JSON', 'topics', [400, 'BODY_NOT_JSON']],
    ['is no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), [400, 'BODY_NOT_JSON']],
    ['ends inside a character', Uint8Array.of(0x22, 0xc3), [400, 'BODY_NOT_JSON']],
    ['is not there', undefined, [400, 'BODY_NOT_JSON']],
    ['is of another form', '["a"]', [400, 'QUERY_INVALID']],
    ['names no topic', '{}', [400, 'TOPIC_SET_INVALID']],
    ['breaks the rules for topics', '{"topics":["a/../b"]}', [400, 'TOPIC_INVALID']],
    ['is too long', ' '.repeat(subscriptionBytesMax + 1), [413, 'BODY_TOO_LARGE']],
  ])('a body that %s is a status for everybody', async (_, body, [status, code]) => {
    const { tide, ask } = await start()
    const answer = await ask({ method: 'POST', headers: eventSource, body })
    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    await expect.poll(() => answer.text).toContain(`"code":"${code}"`)
    expect(tide.sessionCount).toBe(0)
  })

  test.each([
    ['compressed in a way nobody here undoes', { 'content-encoding': 'compress' }],
    ['in another charset than UTF-8', { 'content-type': 'application/json; charset=iso-8859-1' }],
  ])('a body that is said to be %s is refused, not read as it is', async (_, headers) => {
    const { tide, ask } = await start()
    const body = '{"topics":["a"]}'
    const answer = await ask({ method: 'POST', headers: { ...json, ...headers }, body })
    expect(answer.status).toBe(415)
    expect(tide.sessionCount).toBe(0)
  })

  test('a client that leaves in the middle of its body opens nothing', async () => {
    const { tide, door } = await start()
    await door.leaveInBody()
    await settle()
    expect(tide.sessionCount).toBe(0)
  })
}

function describeRefusals(start: Start): void {
  test.each<[string, string, string]>([
    ['a topic that breaks the rules', '?topic=a/../b', 'TOPIC_INVALID'],
    ['no topic', '', 'TOPIC_SET_INVALID'],
    ['a query that is no UTF-8', '?topic=%FF', 'QUERY_INVALID'],
  ])('%s is a status for everybody', async (_, query, code) => {
    const { ask } = await start()
    const answer = await ask({ query, headers: eventSource })
    expect(answer.status).toBe(400)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    await expect.poll(() => answer.text).toContain(`"code":"${code}"`)
  })

  test.each(['GET', 'POST'])(
    'a full node sends an EventSource away with a time to come back, and others with 503 (%s)',
    async (method) => {
      const { ask } = await start({ sessionsMax: 0 })
      const asked =
        method === 'GET'
          ? { method, query: '?topic=a' }
          : { method, body: '{"topics":["a"]}', headers: json }
      const away = await ask({ ...asked, headers: { ...asked.headers, ...eventSource } })
      expect(away.status).toBe(200)
      await expect.poll(() => away.isEnded).toBe(true)
      expect(away.text).toMatch(/retry: \d{4,5}\n/)
      expect(away.text).toContain('"reason":"full"')
      const refused = await ask({ ...asked, headers: { ...asked.headers, accept: '*/*' } })
      expect(refused.status).toBe(503)
      expect(refused.headers['retry-after']).toMatch(/^\d+$/)
      await expect.poll(() => refused.text).toContain('"code":"FULL"')
    },
  )

  test('a cursor that cannot be read is a gap, never a status', async () => {
    const { ask } = await start()
    const answer = await ask({ query: '?topic=a', headers: { 'last-event-id': 'garbage' } })
    await expect.poll(() => answer.text).toContain('event: tidemark.gap')
    expect(answer.status).toBe(200)
  })
}

function describeAuthorize(start: Start): void {
  const ada: Grant = { user: 'ada', subscribe: ['orders/**', 'news'] }

  test('authorize is shown the same plain request, whichever door it came by', async () => {
    const seen: PlainRequest[] = []
    const { ask } = await start({
      authorize: (request) => {
        seen.push(request)
        return ada
      },
    })
    const headers = { 'X-Who': 'ada', ...json }
    await ask({ query: '?topic=news&topic=orders/*', headers })
    await ask({ method: 'POST', headers, body: '{"topics":["orders/42"]}' })
    const [got, posted] = seen
    expect(got).toMatchObject({ action: 'subscribe', topics: ['news', 'orders/*'], method: 'GET' })
    expect(got?.url).toBe('/events?topic=news&topic=orders/*')
    expect([got?.header('x-who'), got?.header('X-WHO'), got?.header('x-other')]).toEqual([
      'ada',
      'ada',
      undefined,
    ])
    expect(got?.address ?? '127.0.0.1').toMatch(/^(?:::ffff:)?127\.0\.0\.1$/)
    expect(posted).toMatchObject({ action: 'subscribe', topics: ['orders/42'], method: 'POST' })
    expect(posted?.url).toBe('/events')
  })

  test.each<[string, Grant, [status: number, code: string]]>([
    ['a user it is not granted to', ada, [403, 'TOPIC_FORBIDDEN']],
    ['nobody in particular', { subscribe: ['news'] }, [401, 'UNAUTHENTICATED']],
  ])('a topic is refused to %s, also when others are granted', async (_, grant, [status, code]) => {
    const { tide, ask } = await start({ authorize: () => grant })
    for (const method of ['GET', 'POST', 'HEAD']) {
      const isPost = method === 'POST'
      const body = isPost ? '{"topics":["news","secrets"]}' : undefined
      const query = isPost ? '' : '?topics=news,secrets'
      const answer = await ask({ method, query, body, headers: { ...json, ...eventSource } })
      expect(answer.status).toBe(status)
      expect(answer.headers['www-authenticate']).toBe(status === 401 ? 'Bearer' : undefined)
      if (method !== 'HEAD') await expect.poll(() => answer.text).toContain(`"code":"${code}"`)
    }
    expect(tide.sessionCount).toBe(0)
  })

  test('a pattern that reaches beyond what is granted is refused, and one within is a stream', async () => {
    const { tide, ask } = await start({ authorize: async () => ada })
    for (const topic of ['**', '*/**', 'orders', '$hub/**', '*']) {
      expect((await ask({ query: `?topic=${topic}` })).status).toBe(403)
    }
    const answer = await ask({ query: '?topic=orders/*/items/**&topic=news' })
    expect(answer.status).toBe(200)
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    await tide.publish('orders/42/items/7', { data: 'one' })
    await expect.poll(() => answer.text).toContain('data: one\n\n')
  })

  test('what nodes keep for themselves is not read by clients, by no name and no pattern', async () => {
    const log = memoryLog()
    const { tide, ask } = await start({ log })
    const bans = await openLedger(log, 'bans', { codec: { encode: String, decode: String } })
    for (const topic of ['$hub/state/bans', '$hub/state/**', '$hub/*/bans', '$hub/**', '$any']) {
      const query = `?topic=news&topic=${topic}`
      const answer = await ask({ query, headers: eventSource })
      expect(answer.status).toBe(403)
      await expect.poll(() => answer.text).toContain('"code":"TOPIC_RESERVED"')
      expect((await ask({ method: 'HEAD', query })).status).toBe(403)
    }
    // Probes hold nothing that is anybody's.
    expect((await ask({ method: 'HEAD', query: '?topic=$hub/probe' })).status).toBe(200)
    const answer = await ask({ query: '?topics=**,*/**&since=earliest' })
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    await bans.set('ada', 'secret')
    await tide.publish('news', { data: 'public' })
    await expect.poll(() => answer.text).toContain('data: public\n')
    expect(answer.text).not.toContain('secret')
    bans.close()
  })

  test('what nodes keep for themselves is read where it is granted by name', async () => {
    const log = memoryLog()
    const operator: Grant = { user: 'eve', subscribe: ['$hub/**'] }
    const { ask } = await start({ log, authorize: () => operator })
    const answer = await ask({ query: '?topic=$hub/state/**' })
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    const bans = await openLedger(log, 'bans', { codec: { encode: String, decode: String } })
    await bans.set('ada', 'shown')
    await expect.poll(() => answer.text).toContain('shown')
    bans.close()
  })

  test('what authorize throws refuses: with its code, or as what passes, and an operator hears why', async () => {
    const told: unknown[] = []
    const faults: unknown[] = [new ServerError('UNAUTHENTICATED', 'No.'), new Error('secret')]
    const { tide, ask } = await start({
      authorize: () => {
        throw faults.shift()
      },
      onError: (error) => told.push(error),
    })
    expect((await ask({ query: '?topic=a' })).status).toBe(401)
    expect(told).toEqual([])
    const answer = await ask({ query: '?topic=a' })
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
    await expect.poll(() => answer.text).toContain('"code":"ACCESS_UNAVAILABLE"')
    expect(answer.text).not.toContain('secret')
    expect(told).toEqual([expect.objectContaining({ message: 'secret' })])
    expect(tide.sessionCount).toBe(0)
  })

  test.each<[string, Error]>([
    ['an error of its database', new Error('connect ECONNREFUSED')],
    ['the code that says so', new ServerError('ACCESS_UNAVAILABLE', 'Try again.')],
  ])('an authorize that fails with %s for a moment ends no EventSource', async (_, error) => {
    const faults = [error]
    const { ask } = await start({
      authorize: () => {
        for (const fault of faults.splice(0)) throw fault
        return ada
      },
    })
    const answer = await ask({ query: '?topic=news', headers: eventSource })
    expect(answer.status).toBe(200)
    await expect.poll(() => answer.isEnded).toBe(true)
    expect(answer.text).toMatch(/event: tidemark\.bye\nretry: \d+\ndata: .*"access-unavailable"/)
    const again = await ask({ query: '?topic=news', headers: eventSource })
    await expect.poll(() => again.text).toContain('event: tidemark.ready\n')
  })

  test('a node that is full or draining asks nobody about those whom it sends away', async () => {
    let asked = 0
    const authorize = (): Grant => {
      asked += 1
      return ada
    }
    for (const isFull of [true, false]) {
      const { tide, ask } = await start({ authorize, ...(isFull ? { sessionsMax: 0 } : {}) })
      if (!isFull) await tide.drain()
      expect((await ask({ query: '?topic=news' })).status).toBe(503)
    }
    expect(asked).toBe(0)
  })

  test('a client that leaves while authorize thinks leaves nothing behind', async () => {
    let allow: (grant: Grant) => void = () => undefined
    const asked = Promise.withResolvers<void>()
    const { tide, door } = await start({
      authorize: () => {
        asked.resolve()
        return new Promise((resolve) => (allow = resolve))
      },
    })
    await door.leaveBeforeAnswer('?topic=news', asked.promise)
    allow(ada)
    await settle()
    await expect.poll(() => tide.sessionCount).toBe(0)
  })
}

function describeLeaving(start: Start): void {
  test('a client that leaves is forgotten', async () => {
    const { tide, ask } = await start()
    const answer = await ask({ query: '?topic=a' })
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    expect(tide.sessionCount).toBe(1)
    answer.leave()
    await expect.poll(() => tide.sessionCount).toBe(0)
  })

  test('a stream that drains says goodbye and ends', async () => {
    const { tide, ask } = await start()
    const answer = await ask({ query: '?topic=a' })
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    await tide.drain()
    await expect.poll(() => answer.isEnded).toBe(true)
    expect(answer.text).toMatch(
      /event: tidemark\.bye\nretry: \d+\ndata: \{"reason":"draining".*\n\n$/,
    )
  })
}
