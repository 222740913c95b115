// Streams behind the real `compression` middleware of Express and Connect, which an application has told to
// compress them.

import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGunzip } from 'node:zlib'
import { memoryLog } from '@tidemark/log'
import compression from 'compression'
import express from 'express'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'
import { writeBytesMax } from '../src/limits.ts'

interface Started {
  readonly tide: Tidemark
  readonly answer: IncomingMessage
  /** Bytes that have been handed to the middleware. */
  readonly handedOver: () => number
}

/** `cacheControl` is set as the head leaves, as a cache middleware does: `no-transform` is gone then. */
async function start(cacheControl: string): Promise<Started> {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const app = express()
  let handedOver = 0
  app.use(compression())
  app.use((_, response, next) => {
    const writeHead = response.writeHead.bind(response) as (...values: unknown[]) => unknown
    response.writeHead = ((status: number, headers: object) =>
      writeHead(status, { ...headers, 'Cache-Control': cacheControl })) as never
    const write = response.write.bind(response) as (chunk: Uint8Array) => boolean
    response.write = ((chunk: Uint8Array) => {
      handedOver += chunk.length
      return write(chunk)
    }) as never
    next()
  })
  app.get('/events', (incoming, response) => tide.subscribe(incoming, response))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    await tide.close()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const asked = request({
    port,
    path: '/events?topic=a',
    headers: { 'Accept-Encoding': 'gzip' },
  }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  asked.on('error', () => undefined)
  onTestFinished(() => void asked.destroy())
  return { tide, answer, handedOver: () => handedOver }
}

/** Reads on as a browser would; what has arrived so far. */
function read(answer: IncomingMessage): () => string {
  let text = ''
  const isGzip = answer.headers['content-encoding'] === 'gzip'
  const body = isGzip ? answer.pipe(createGunzip()) : answer
  body.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return () => text
}

test('an event behind compression arrives at once, though a late Cache-Control has switched it on', async () => {
  const { tide, answer } = await start('private')
  expect(answer.headers['content-encoding']).toBe('gzip')
  const text = read(answer)
  await expect.poll(text).toContain('tidemark.ready')
  await tide.publish('a', { data: 'one' })
  await expect.poll(text).toContain('data: one\n\n')
})

test('without that the middleware leaves a stream alone', async () => {
  const { tide, answer } = await start('no-cache, no-transform')
  expect(answer.headers['content-encoding']).toBeUndefined()
  const text = read(answer)
  await tide.publish('a', { data: 'one' })
  await expect.poll(text).toContain('data: one\n\n')
})

test('a client that does not read behind compression costs a constant, and gets everything once it reads', async () => {
  const { tide, answer, handedOver } = await start('private')
  await expect.poll(() => tide.sessionCount).toBe(1)
  // Not to be compressed, so that it fills what lies between.
  const events = Array.from({ length: 400 }, (_, i) => `${i} ${makeNoise(64 * 1024, i)}`)
  for (const data of events) await tide.publish('a', { data })
  const total = events.reduce((sum, data) => sum + data.length, 0)
  // The kernel's buffers of both sides take some megabytes; the rest stays in the log.
  expect(handedOver()).toBeLessThan(total / 2)
  expect(handedOver()).toBeGreaterThan(writeBytesMax)
  const text = read(answer)
  await expect.poll(() => text().includes('data: 399 ')).toBe(true)
  const got = [...text().matchAll(/^data: (\d+) /gm)].map(([, number]) => Number(number))
  expect(got).toEqual(events.map((_, i) => i))
})

/** Text that no compressor makes much shorter: the same every time. */
function makeNoise(length: number, seed: number): string {
  let state = seed + 1
  let text = ''
  while (text.length < length) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    text += state.toString(36)
  }
  return text
}
