// The pace of requests.

import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { RequestPace } from '../src/request-pace.ts'
import { turns } from './model-server.ts'

test('requests that wait for the same moment begin one after the other, four in a second', async () => {
  const clock = createFakeClock()
  const pace = new RequestPace(clock)
  const { signal } = new AbortController()
  const aborting = new AbortController()
  const start = clock.now()
  const begun: number[] = []
  const ask = async (whose: AbortSignal): Promise<void> => {
    await pace.take(whose)
    if (whose === signal) begun.push(clock.now() - start)
  }
  for (let i = 0; i < 12; i++) void ask(i === 6 ? aborting.signal : signal)
  aborting.abort()
  for (let i = 0; i < 30; i++) {
    await turns(2)
    clock.advance(100)
  }
  expect(begun).toEqual([0, 0, 0, 0, 1_000, 1_000, 1_000, 1_000, 2_000, 2_000, 2_000])
  expect(clock.pending).toBe(0)
})
