// A hub that is told to leave answers what it has been asked before it goes.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createFakeClock, startHubProcess } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { lineLimits } from '../src/limits.ts'
import { Traffic } from '../src/traffic.ts'
import { openUntil } from './support/raw.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'

/** A publish whose body is still to come; the hub has seen the rest. */
function beginPublish(port: number): Promise<Socket> {
  const head =
    'POST /topics/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n'
  return openUntil(port, head, '100 Continue')
}

async function readToEnd(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: string) => (text += chunk))
  await once(socket, 'close')
  return text
}

test('every publish in flight at SIGTERM is answered, and what was acknowledged is there', async () => {
  const dataDirectory = await makeDirectory()
  const hub = await startHubProcess({ dataDirectory })
  onTestFinished(() => hub.stop())
  const sockets = await Promise.all(Array.from({ length: 50 }, () => beginPublish(hub.port)))
  const ended = hub.kill('SIGTERM')
  const answers = sockets.map(readToEnd)
  for (const socket of sockets) socket.write('ok')
  for (const answer of await Promise.all(answers)) {
    expect(answer).toContain('HTTP/1.1 200')
    expect(answer).toContain('Connection: close')
  }
  await ended
  const next = await startHubProcess({ dataDirectory })
  onTestFinished(() => next.stop())
  const history = await fetch(`${next.url}/topics/a?limit=100`)
  expect(((await history.json()) as { records: unknown[] }).records).toHaveLength(50)
})

test('a kept-alive connection is answered during the drain, and then let go', async () => {
  const hub = await startTestHub()
  const live = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const socket = await openUntil(hub.port, live, '"live"')
  const drained = hub.drain()
  const answer = readToEnd(socket)
  socket.write('POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok')
  expect(await answer).toMatch(/^HTTP\/1\.1 200 [^]*Connection: close/)
  await drained
})

test('a request that never ends holds up a closing hub for a bounded time', async () => {
  const traffic = new Traffic(lineLimits)
  const server = createServer()
  traffic.follow(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const request = fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  request.catch(() => undefined)
  await once(server, 'request')
  const clock = createFakeClock()
  let isQuiet = false
  const quiet = traffic.untilQuiet(clock, 5_000).then(() => (isQuiet = true))
  clock.advance(4_999)
  await Promise.resolve()
  expect(isQuiet).toBe(false)
  clock.advance(1)
  await quiet
})

test('a client that lags when the hub is told to leave gets the time to read up to its goodbye', async () => {
  const hub = await startTestHub()
  const get = 'GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const socket = await openUntil(hub.port, get, 'tidemark.ready')
  socket.pause()
  const large = 'x'.repeat(500_000)
  for (let i = 0; i < 40; i++) {
    await fetch(`${hub.url}/topics/a`, { method: 'POST', body: large })
  }
  const drained = hub.drain()
  const rest = readToEnd(socket)
  socket.resume()
  expect(await rest).toContain('event: tidemark.bye')
  await drained
})
