// Silence of a server: what counts as it, what does not, and that no silence parks a feed.

import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { describe, expect, test } from 'vitest'
import { connect } from '../src/index.ts'
import type { FeedState } from '../src/index.ts'
import { nextPhase, turn } from './stream-server.ts'

/** Turns the clock, a tenth of a second per turn of the event loop, until `isDone` or for a minute. */
async function turnUntil(clock: FakeClock, isDone: () => boolean): Promise<void> {
  for (let turns = 0; turns < 600 && !isDone(); turns++) {
    await turn()
    clock.advance(100)
  }
}

const redirectTo = (location: string): Response =>
  new Response(null, { status: 302, headers: { location } })

const streamOf = (text: string): Response =>
  new Response(text, { headers: { 'content-type': 'text/event-stream' } })

describe('the wait for its own turn is not taken for silence of the server', () => {
  test('in a chain of 12 redirects, with a heartbeat of 1 s', async () => {
    const clock = createFakeClock()
    const failures: unknown[] = []
    let requests = 0
    const feed = connect('http://127.0.0.1:2/', {
      clock,
      heartbeatMs: 1_000,
      fetch: async () => (requests++ < 12 ? redirectTo(`/${requests}`) : streamOf('data: x\n\n')),
    })
    feed.on('tidemark.state', (state) => 'error' in state && failures.push(state.error?.code))
    let texts = 0
    feed.on('message', () => texts++)
    await turnUntil(clock, () => texts > 0 || failures.length > 0)
    feed.close()
    expect(failures).not.toContain('CONNECTION_DEAD')
    expect(texts).toBe(1)
    expect(requests).toBe(13)
  })

  test('in a browser, whose redirect out of sight costs the next attempt 5.5 s', async () => {
    const clock = createFakeClock()
    const codes: unknown[] = []
    const feed = connect('http://127.0.0.1:2/', {
      clock,
      heartbeatMs: 1_000,
      random: () => 0,
      fetch: async (_url, { redirect: mode }) =>
        mode === 'manual'
          ? ({ type: 'opaqueredirect', status: 0, headers: new Headers(), body: null } as Response)
          : streamOf('data: x\n\n'),
    })
    feed.on('tidemark.state', (state) => state.phase === 'waiting' && codes.push(state.error.code))
    let texts = 0
    feed.on('message', () => texts++)
    await turnUntil(clock, () => codes.length === 3)
    feed.close()
    expect(codes).toEqual(['CONNECTION_ENDED', 'CONNECTION_ENDED', 'CONNECTION_ENDED'])
    expect(texts).toBe(3)
  })

  test('while a server that redirects and then falls silent is noticed', async () => {
    const clock = createFakeClock()
    let requests = 0
    const feed = connect('http://127.0.0.1:2/', {
      clock,
      heartbeatMs: 1_000,
      fetch: async () =>
        requests++ < 6 ? redirectTo(`/${requests}`) : new Promise(() => undefined),
    })
    const waiting = nextPhase(feed, 'waiting')
    await turnUntil(clock, () => requests === 7)
    expect(feed.state.phase).toBe('connecting')
    clock.advance(2_500)
    expect((await waiting).error.code).toBe('CONNECTION_DEAD')
    feed.close()
  })
})

test('a fetch that knows no signal and never answers does not park a feed', async () => {
  const clock = createFakeClock()
  const states: FeedState['phase'][] = []
  const feed = connect('http://127.0.0.1:2/', {
    clock,
    heartbeatMs: 1_000,
    fetch: () => new Promise(() => undefined),
  })
  feed.on('tidemark.state', ({ phase }) => states.push(phase))
  while (clock.pending === 0) await turn()
  clock.advance(2_500)
  for (let i = 0; i < 5; i++) await turn()
  expect(states).toEqual(['connecting', 'waiting'])
  feed.close()
})

test.for([
  [503, 'application/problem+json', ['connecting', 'waiting'], 'SERVER_UNAVAILABLE'],
  [403, 'application/problem+json', ['connecting', 'closed'], 'REFUSED'],
  // None of these bodies is read; letting go of one may take for ever as well.
  [403, 'text/html', ['connecting', 'closed'], 'REFUSED'],
  [200, 'text/html', ['connecting', 'closed'], 'CONTENT_TYPE_WRONG'],
] as const)(
  'a fetch that knows no signal and falls silent after the head of a %i (%s) does not park a feed',
  async ([status, type, phases, code]) => {
    const clock = createFakeClock()
    const states: FeedState[] = []
    const feed = connect('http://127.0.0.1:2/', {
      clock,
      heartbeatMs: 1_000,
      fetch: () =>
        Promise.resolve(
          new Response(new ReadableStream({ cancel: () => new Promise(() => undefined) }), {
            status,
            headers: { 'content-type': type },
          }),
        ),
    })
    feed.on('tidemark.state', (state) => states.push(state))
    for (let i = 0; i < 5; i++) await turn()
    clock.advance(2_500)
    for (let i = 0; i < 5; i++) await turn()
    expect(states.map(({ phase }) => phase)).toEqual(phases)
    expect(states[1]).toMatchObject({ error: { code, status } })
    feed.close()
    for (let i = 0; i < 5; i++) await turn()
    expect(clock.pending).toBe(0)
  },
)
