// The topics of a stream are chosen by the application, or by clients as far as somebody has said what they
// may.

import { memoryLog } from '@tidemark/log'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { describeRequest } from '../src/fetch/describe-request.ts'
import { createTidemark as createFetchTidemark } from '../src/fetch/index.ts'
import { createTidemark } from '../src/index.ts'
import type { SubscribeOptions, Tidemark, TidemarkOptions } from '../src/index.ts'
import { doors } from './support/doors.ts'
import type { Ask, Door, DoorAnswer } from './support/doors.ts'

interface Started {
  readonly tide: Tidemark
  readonly ask: (ask: Ask) => Promise<DoorAnswer>
}

const json = { 'content-type': 'application/json' }

/** A node behind a door whose application hands in these options with each request. */
async function start(
  door: Door,
  options: SubscribeOptions | undefined,
  nodeOptions?: TidemarkOptions,
): Promise<Started> {
  const tide = createTidemark(nodeOptions)
  const told: Pick<Tidemark, 'fetch' | 'subscribe'> = {
    subscribe: (request, response) => tide.subscribe(request, response, options),
    fetch: (request) => tide.fetch(request, options),
  }
  const open = await door.open(told as Tidemark)
  onTestFinished(async () => {
    await tide.close()
    await open.close()
  })
  return { tide, ask: (ask) => open.ask(ask) }
}

describe.each(doors.map((door) => [door.name, door] as const))('by %s', (_name, door) => {
  test.each<[string, Ask]>([
    ['in the URL', { query: '?topic=secrets&topics=secrets,more' }],
    ['in a body', { method: 'POST', headers: json, body: '{"topics":["secrets"]}' }],
    ['in a body that is no subscription', { method: 'POST', headers: json, body: '{"prompt":1}' }],
  ])('a client that names other topics %s gets those of the application', async (_, asked) => {
    const { tide, ask } = await start(door, { topics: ['users/1/**', 'news'] })
    const answer = await ask(asked)
    expect(answer.status).toBe(200)
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    await tide.publish('secrets', { data: 'hidden' })
    await tide.publish('users/1/mail', { data: 'shown' })
    await expect.poll(() => answer.text).toContain('topic: users/1/mail\ndata: shown\n\n')
    expect(answer.text).not.toContain('hidden')
  })

  test('a client still says where it goes on, and how events look', async () => {
    const { tide, ask } = await start(door, { topics: ['news'], since: 'now' })
    const { cursor } = await tide.publish('news', { data: 'before' })
    await tide.publish('news', { type: 'paid', data: 'missed' })
    const resumed = await ask({ headers: { 'last-event-id': cursor } })
    await expect.poll(() => resumed.text).toContain('data: missed\n\n')
    expect(resumed.text).not.toContain('before')
    const last = await ask({ query: '?since=-1&framing=envelope' })
    await expect.poll(() => last.text).toContain('{"topic":"news","type":"paid"')
  })

  test('a client without a place of its own begins where the application says', async () => {
    const { tide, ask } = await start(door, { topics: ['news'], since: 'earliest' })
    await tide.publish('news', { data: 'one' })
    const answer = await ask({})
    await expect.poll(() => answer.text).toContain('data: one\n\n')
  })

  test.each<Ask>([
    { query: '?topic=a' },
    { query: '' },
    { method: 'HEAD', query: '?topic=a' },
    { method: 'POST', body: '{"topics":["a"]}', headers: json },
  ])('where nobody has said who chooses, a client that chooses is refused: %j', async (asked) => {
    const told: unknown[] = []
    const { tide, ask } = await start(door, undefined, { onError: (error) => told.push(error) })
    const answer = await ask(asked)
    expect(answer.status).toBe(500)
    expect(told).toMatchObject([{ code: 'AUTHORIZE_MISSING' }])
    if (asked.method !== 'HEAD') {
      await expect.poll(() => answer.text).toContain('"code":"AUTHORIZE_MISSING"')
      for (const way of ['{ topics: [', '{ authorize }', "{ authorize: 'everyone' }"])
        expect(answer.text).toContain(way)
    }
    expect(tide.sessionCount).toBe(0)
  })

  test.each<[string, SubscribeOptions]>([
    ['a user without topics', { user: 'ada' }],
    ['a beginning without topics', { since: 'now' }],
    ['a beginning that is none', { topics: ['a'], since: 'teatime' }],
    ['no topic', { topics: [] }],
    ['a malformed topic', { topics: ['a/../b'] }],
  ])('an application that says %s is told so', async (_, options) => {
    const { tide, ask } = await start(door, options, { authorize: 'everyone' })
    const answer = await ask({ query: '?topic=a' })
    expect(answer.status).toBe(500)
    await expect.poll(() => answer.text).toContain('"code":"OPTION_INVALID"')
    expect(tide.sessionCount).toBe(0)
  })

  test('where the whole query is the stream’s, a topic in it is a mistake', async () => {
    const { ask } = await start(door, { topics: ['news'], unknownParameters: 'refuse' })
    const answer = await ask({ query: '?topic=a' })
    expect(answer.status).toBe(400)
    await expect.poll(() => answer.text).toContain('no query parameter')
    expect((await ask({ query: '?since=now' })).status).toBe(200)
  })
})

test('the engine is told who is behind a stream', async () => {
  const tide = createTidemark()
  onTestFinished(() => tide.close())
  const open = vi.spyOn(tide, 'open')
  await tide.fetch(new Request('http://localhost/'), { topics: ['news'], user: 'ada' })
  const handed: readonly unknown[] = open.mock.calls[0] ?? []
  expect(handed[2]).toEqual({ user: 'ada' })
})

describe('what a client publishes and reads', () => {
  const by = describeRequest(new Request('http://localhost/', { method: 'POST' }))

  test('is refused where nobody has said what clients may, and nothing is stored', async () => {
    const told: unknown[] = []
    const tide = createTidemark({ onError: (error) => told.push(error) })
    onTestFinished(() => tide.close())
    const missing = expect.objectContaining({
      code: 'AUTHORIZE_MISSING',
      message: expect.stringContaining('Leave out `by`'),
    })
    await expect(tide.publish('a', { data: 1 }, { by })).rejects.toEqual(missing)
    await expect(tide.publishAll([{ topic: 'a', data: 1 }], { by })).rejects.toEqual(missing)
    await expect(tide.history({ topic: 'a', by })).rejects.toEqual(missing)
    expect((await tide.history({ topic: 'a' })).records).toEqual([])
    expect(told).toHaveLength(3)
  })

  test('is open where the application says everyone', async () => {
    const tide = createTidemark({ authorize: 'everyone' })
    onTestFinished(() => tide.close())
    await tide.publish('a', { data: 1 }, { by })
    expect((await tide.history({ topic: 'a', by })).records).toHaveLength(1)
  })
})

describe.each([
  ['@tidemark/server', createTidemark],
  ['@tidemark/server/fetch', createFetchTidemark],
])('a node of %s without options', (_, create) => {
  test('keeps events in memory, and ends its log when it is closed', async () => {
    const tide = create()
    const { cursor } = await tide.publish('a', { data: 'one' })
    await tide.publish('a', { data: 'two' })
    const page = await tide.history({ topic: 'a', after: cursor })
    expect(page.records).toMatchObject([{ data: 'two' }])
    await tide.close()
    await expect(tide.publish('a', { data: 'x' })).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
    })
  })

  test('leaves a log that was handed in to its maker', async () => {
    const log = memoryLog()
    await create({ log }).close()
    const tide = create({ log })
    await tide.publish('a', { data: 'x' })
    await tide.close()
  })
})

test('a node without a log does not fill the memory of its application', async () => {
  const tide = createTidemark()
  onTestFinished(() => tide.close())
  const data = 'x'.repeat(1_000_000)
  for (let i = 0; i < 80; i++) await tide.publish('a', { data })
  let kept = 0
  let page = await tide.history({ topic: 'a' })
  for (; page.records.length > 0; page = await tide.history({ topic: 'a', after: page.next }))
    kept += page.records.length
  expect(kept).toBeGreaterThan(50)
  expect(kept).toBeLessThan(68)
})
