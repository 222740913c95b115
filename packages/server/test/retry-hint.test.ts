// The time to come back, as a stream says it: an EventSource keeps it until it is told otherwise.

import { memoryLog } from '@tidemark/log'
import { createDecoder } from '@tidemark/wire'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'
import { readyRetryMs, retrySpreadMs } from '../src/limits.ts'

const site = 'http://localhost/events?topic=a'

function start(): Tidemark {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  onTestFinished(() => tide.close())
  return tide
}

/** The delays that a client hears of in a stream up to `type`, event by event and wait by wait. */
async function readUntil(response: Response, type: string): Promise<readonly (string | number)[]> {
  const told: (string | number)[] = []
  const decoder = createDecoder({
    event: (event) => told.push(event.type),
    retry: (ms) => told.push(ms),
  })
  const reader = response.body?.getReader()
  while (!told.includes(type)) {
    const chunk = await reader?.read()
    if (chunk?.value === undefined) break
    decoder.push(chunk.value)
  }
  return told
}

const ask = (tide: Tidemark): Promise<Response> =>
  tide.fetch(new Request(site, { headers: { Accept: 'text/event-stream' } }))

test('a client that was sent away once is told the ordinary wait when it is served again, so that the next blip is short', async () => {
  const old = start()
  const stream = await ask(old)
  await old.ready
  const drained = old.drain()
  const goodbye = await readUntil(stream, 'tidemark.bye')
  await drained
  const long = goodbye.at(-2)
  expect(long).toBeGreaterThanOrEqual(retrySpreadMs.from)

  const [retryMs, type] = await readUntil(await ask(start()), 'tidemark.ready')
  expect(type).toBe('tidemark.ready')
  expect(retryMs).toBeGreaterThanOrEqual(readyRetryMs.from)
  expect(retryMs).toBeLessThanOrEqual(readyRetryMs.to)
})

test('the ordinary waits of many clients are spread, so that they do not come back in one instant', async () => {
  const tide = start()
  const waits = new Set<unknown>()
  for (let i = 0; i < 50; i++) {
    const [retryMs] = await readUntil(await ask(tide), 'tidemark.ready')
    waits.add(retryMs)
  }
  expect(waits.size).toBeGreaterThan(25)
})

test('the ordinary wait is shorter than the shortest of a goodbye', () => {
  expect(readyRetryMs.to).toBeLessThanOrEqual(retrySpreadMs.from)
})
