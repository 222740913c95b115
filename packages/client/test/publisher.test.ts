// Publishing until it is acknowledged, once.

import { expect, test } from 'vitest'
import { createPublisher } from '../src/index.ts'
import type { Clock } from '../src/index.ts'
import { FakeClock } from './fake-clock.ts'
import { startServer, turn } from './stream-server.ts'

const events = [{ topic: 'orders/42', type: 'paid', data: { total: 12 } }]

/** Fires every wait between attempts at once; time limits of requests stay. */
const impatient: Clock = {
  now: () => 0,
  after(delayMs, task) {
    if (delayMs < 30_000) queueMicrotask(task)
    return { cancel: () => undefined }
  },
}

test('a publish is repeated with the same key through passing failures', async () => {
  const keys: unknown[] = []
  const bodies: string[] = []
  const server = await startServer(({ index, request, response }) => {
    keys.push(request.headers['idempotency-key'])
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      bodies.push(body)
      if (index === 0) request.socket.destroy()
      else if (index === 1) response.writeHead(503).end()
      else if (index === 2) response.writeHead(429, { 'retry-after': '1' }).end()
      else response.end('{"cursor":"c4","sessions":2}')
    })
  })
  const publisher = createPublisher(server.url, { clock: impatient, random: () => 0 })
  expect(await publisher.publish(events)).toEqual({ cursor: 'c4', sessions: 2 })
  expect(new Set(keys).size).toBe(1)
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
  expect(bodies).toEqual(Array(4).fill(JSON.stringify(events)))
})

test('a lasting refusal is thrown with what the server said, after one attempt', async () => {
  const server = await startServer(({ response }) => {
    response.writeHead(400, { 'content-type': 'application/problem+json' })
    response.end('{"code":"TOPIC_INVALID","detail":"No."}')
  })
  const publisher = createPublisher(server.url)
  await expect(publisher.publish(events, { idempotencyKey: 'k1' })).rejects.toMatchObject({
    code: 'REFUSED',
    status: 400,
    problem: { code: 'TOPIC_INVALID' },
  })
  expect(server.exchanges).toHaveLength(1)
  expect(server.exchanges[0]?.request.headers['idempotency-key']).toBe('k1')
})

test('attempts end where the caller says', async () => {
  const publisher = createPublisher('http://127.0.0.1:1/publish', {
    retry: { attemptsMax: 3 },
    clock: impatient,
  })
  await expect(publisher.publish(events)).rejects.toMatchObject({
    code: 'RETRIES_EXHAUSTED',
    cause: { code: 'CONNECTION_FAILED' },
  })
})

test('an answer without a cursor is not taken for an acknowledgement', async () => {
  const server = await startServer(({ response }) => response.end('<html>'))
  await expect(createPublisher(server.url).publish(events)).rejects.toMatchObject({
    code: 'ANSWER_INVALID',
  })
})

test('a server that never answers is asked again, and aborting leaves nothing', async () => {
  const server = await startServer(() => undefined)
  const clock = new FakeClock()
  const controller = new AbortController()
  const publisher = createPublisher(server.url, { clock, random: () => 0 })
  const published = publisher.publish(events, { signal: controller.signal })
  while (server.exchanges.length === 0) await turn()
  clock.advance(30_000)
  await server.exchanges[0]?.closed
  for (let i = 0; i < 5; i++) await turn()
  clock.advance(250)
  while (server.exchanges.length === 1) await turn()
  controller.abort()
  await expect(published).rejects.toMatchObject({ code: 'FEED_CLOSED' })
  await server.exchanges[1]?.closed
  expect(clock.pending).toBe(0)
})
