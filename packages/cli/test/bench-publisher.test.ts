// The requests of the load tester's publisher.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { Publisher } from '../src/bench/publisher.ts'

test('a header that is given more than once is sent as often with each publish, except Host, of which there is one', async () => {
  let request: IncomingMessage | undefined
  const server = createServer((received, response) => {
    request = received
    response.writeHead(204).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/publish`
  const headers = [
    ['X-Tag', 'a'],
    ['x-tag', 'b'],
    ['X-TAG', 'c'],
    ['Content-Type', 'text/plain'],
    ['Host', 'one.example'],
    ['Host', 'two.example'],
  ] as const
  const publish = { url, method: 'POST', headers, body: '{payload}' }
  const target = { url, isHub: false, streamUrl: url, streamHeaders: headers, publish }
  const sizes = { connections: 1, rampMs: 0, durationMs: 1, topics: 1, rate: 1, payloadBytes: 128 }
  const plan = { runId: '0a1b2c3d', target, ...sizes, processes: 1 }
  const publisher = new Publisher(plan, publish, 0)
  const { signal } = new AbortController()
  try {
    expect(await publisher.try(signal)).toBeUndefined()
    expect(request?.headersDistinct).toMatchObject({
      'x-tag': ['a', 'b', 'c'],
      host: ['two.example'],
      'content-type': ['text/plain'],
      'content-length': ['128'],
    })
  } finally {
    await publisher.end(signal)
    server.close()
  }
})
