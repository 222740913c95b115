// The contract of every door about grants: of streams that are open, and of clients that are refused for now.

import { memoryLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { CodedError } from '../../src/hub/index.ts'
import type { Grant, PlainRequest } from '../../src/index.ts'
import type { Start } from './start-door.ts'

const ada: Grant = { user: 'ada', subscribe: ['a', 'b'] }

class TooMany extends CodedError {
  readonly code = 'TOO_MANY'
  readonly row = { title: 'Too many.', status: 429, headers: { 'Retry-After': 'varies' } } as const
}

export function describeGrants(start: Start): void {
  test('a stream hears that its grant ends, goes on with a fresh one, and is told goodbye at the end', async () => {
    const clock = createFakeClock()
    const authorize = (): Grant => ({ ...ada, expiresAt: clock.now() + 20_000 })
    const { tide, ask } = await start({ clock, log: memoryLog({ clock }), authorize })
    const answer = await ask({ query: '?topic=a' })
    const hint = 'event: tidemark.token\ndata: {"expiresInMs":20000}\n\n'
    await expect.poll(() => answer.text).toContain(hint)
    expect(await tide.sessions()[0]?.renew({ ...ada, expiresAt: clock.now() + 60_000 })).toBe(true)
    clock.advance(30_000)
    await expect.poll(() => answer.text).toContain('data: {"expiresInMs":30000}\n\n')
    await tide.publish('a', { data: 'after it' })
    await expect.poll(() => answer.text).toContain('data: after it\n\n')
    expect(answer.text.split('tidemark.ready')).toHaveLength(2)
    clock.advance(30_000)
    await expect.poll(() => answer.text).toContain('"reason":"expired"')
    await expect.poll(() => answer.isEnded).toBe(true)
  })

  test('a stream loses what a fresh grant does not hold, hears so, and misses nothing of the rest', async () => {
    const { tide, ask } = await start({ authorize: () => ada })
    const answer = await ask({ query: '?topics=a,b' })
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    await tide.publish('b', { data: 'b before' })
    await tide.publish('a', { data: 'a before' })
    await tide.sessions()[0]?.renew({ user: 'ada', subscribe: ['a'] })
    await tide.publish('b', { data: 'b after' })
    await tide.publish('a', { data: 'a after' })
    await expect.poll(() => answer.text).toContain('data: a after\n')
    const told =
      /id: 1\S+~s\S+\nevent: tidemark.topics\ndata: {"added":\[\],"removed":\["b"\],"reason":"not-granted"}\n\n/
    expect(answer.text).toMatch(told)
    expect(answer.text.match(/data: [ab] \w+/g)).toEqual([
      'data: b before',
      'data: a before',
      'data: a after',
    ])
    await tide.sessions()[0]?.renew({ user: 'ada', subscribe: ['z'] })
    await expect.poll(() => answer.text).toContain('"reason":"forbidden"')
    await expect.poll(() => answer.isEnded).toBe(true)
  })

  test('authorize is asked again about a request that is long over, and reads its headers', async () => {
    const clock = createFakeClock()
    const asked: PlainRequest[] = []
    const authorize = (request: PlainRequest): Grant => {
      asked.push(request)
      return { ...ada, recheckAfterMs: 60_000 }
    }
    const { ask } = await start({ clock, log: memoryLog({ clock }), authorize })
    const headers = { cookie: 'session=one; theme=dark', 'x-tag': 'grün' }
    const answer = await ask({ query: '?topic=a', headers })
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    clock.advance(60_000)
    await expect.poll(() => asked).toHaveLength(2)
    const [first, second] = asked
    expect(second).toMatchObject({ action: 'subscribe', topics: ['a'], method: 'GET' })
    expect(second?.url).toBe(first?.url)
    expect(second?.address).toBe(first?.address)
    expect(second?.header('Cookie')).toBe('session=one; theme=dark')
    expect(second?.header('X-Tag')).toBe(first?.header('X-Tag'))
    // The connection is gone, and what was asked about it still answers.
    answer.leave()
    await expect.poll(() => second?.header('cookie')).toBe('session=one; theme=dark')
  })

  test('a refusal of 429 sends an EventSource away for as long as it says, and others get the status', async () => {
    const authorize = (): Grant => {
      throw new TooMany('Wait a minute.', { headers: { 'Retry-After': '60' } })
    }
    const { tide, ask } = await start({ authorize })
    const source = await ask({ query: '?topic=a', headers: { accept: 'text/event-stream' } })
    expect(source.status).toBe(200)
    await expect.poll(() => source.isEnded).toBe(true)
    expect(source.text).toContain('event: tidemark.bye\nretry: 60000\n')
    expect(source.text).toContain('data: {"reason":"full","retryMs":60000}')
    const other = await ask({ query: '?topic=a' })
    expect(other.status).toBe(429)
    expect(other.headers['retry-after']).toBe('60')
    await expect.poll(() => other.text).toContain('"code":"TOO_MANY"')
    expect(tide.sessionCount).toBe(0)
  })
}
