// One client: what it takes as options and as feeds, and what is left of it when nobody takes any more.

import { collectGarbage } from '@tidemark/testkit'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createClient } from '../src/index.ts'
import type { ClientOptions, Feed, FeedOptions } from '../src/index.ts'
import { graceMsDefault } from '../src/limits.ts'
import { turns } from './model-server.ts'
import { collect, setUp } from './support/client-bench.ts'

test('a client does not hold feeds that an application has left and forgotten', async () => {
  const { client, clock } = setUp()
  const begin = (): WeakRef<Feed> => {
    const feed = client.feed(['a'])
    collect(feed).remove()
    return new WeakRef(feed)
  }
  const forgotten = begin()
  await turns()
  clock.advance(graceMsDefault)
  await turns()
  collectGarbage()
  expect(forgotten.deref()).toBeUndefined()
})

test('a runtime without fetch is told so at once, and not taken for a server that is away', () => {
  vi.stubGlobal('fetch', undefined)
  onTestFinished(() => void vi.unstubAllGlobals())
  expect(() => createClient('http://h/')).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID' }),
  )
  expect(
    createClient('http://h/', { fetch: async () => new Response() }).feed(['a']).state,
  ).toEqual({
    phase: 'idle',
  })
})

test('a feed may close itself, its neighbour and the client in a callback', async () => {
  const { client, server, clock } = setUp()
  const [first, second] = [client.feed(['a']), client.feed(['a'])]
  const seen: string[] = []
  first.on('message', () => {
    seen.push('first')
    first.close()
    second.close()
  })
  second.on('message', () => void seen.push('second'))
  const third = client.feed(['a'])
  third.on('message', () => {
    seen.push('third')
    client.close()
  })
  await turns()
  server.publish('a', 'a')
  await server.flush()
  expect(seen).toEqual(['first', 'third'])
  expect(server.open).toHaveLength(0)
  expect(clock.pending).toBe(0)
  expect(() => client.feed(['a'])).toThrow(/closed/)
})

test('a signal closes the client, and one of a feed that feed', async () => {
  const controller = new AbortController()
  const own = new AbortController()
  const { client, server } = setUp({ signal: controller.signal })
  const [one, other] = [client.feed(['a'], { signal: own.signal }), client.feed(['b'])]
  for (const feed of [one, other]) collect(feed)
  await turns()
  own.abort()
  expect([one.state.phase, other.state.phase]).toEqual(['closed', 'open'])
  controller.abort()
  await turns()
  expect(other.state).toEqual({ phase: 'closed', error: undefined })
  expect(server.open).toHaveLength(0)
})

test.for([
  ['a base with a query, which no request would carry', 'http://h/?token=x', {}, 'URL_INVALID'],
  ['a grace that is no number', 'http://h/', { graceMs: '5' }, 'OPTIONS_INVALID'],
  ['a grace without end', 'http://h/', { graceMs: Infinity }, 'OPTIONS_INVALID'],
  ['a path that is no text', 'http://h/', { eventsPath: 5 }, 'OPTIONS_INVALID'],
  ['no options', 'http://h/', null, 'OPTIONS_INVALID'],
] as const)('%s is refused', ([, base, options, code]) => {
  expect(() => createClient(base, options as unknown as ClientOptions)).toThrow(
    expect.objectContaining({ code }),
  )
})

test.for([
  ['no topics', []],
  ['a text in place of a list', 'a'],
  ['nothing', undefined],
  ['a number among the topics', ['a', 5]],
] as const)('a feed of %s is refused', ([, topics]) => {
  const { client } = setUp()
  expect(() => client.feed(topics as unknown as string[])).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID' }),
  )
})

test('a feed with options that are none is refused', () => {
  const { client } = setUp()
  for (const options of [null, 5, { since: 5 }, { lastEventId: 'a\nb' }, { signal: {} }]) {
    expect(() => client.feed(['a'], options as unknown as FeedOptions)).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID' }),
    )
  }
})
