// Connections of HTTP/2 that are reset in a moment in which Node does not hear of it, and bring no events.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect as connectSession, constants, createSecureServer } from 'node:http2'
import type { ServerHttp2Stream } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { beforeReads, createFakeClock, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { Http2Connections } from '../src/http2-connections.ts'
import { keepAliveMs, requestTimes } from '../src/limits.ts'
import { makeCertificate } from './support/certificate.ts'

test.each([
  ['with streams that bring nothing', 4],
  ['without streams', 2],
])('a lost connection %s ends within the time of an idle one', async (_, count) => {
  const certificate = await makeCertificate()
  onTestFinished(() => certificate.remove())
  const [cert, key] = await Promise.all([readFile(certificate.cert), readFile(certificate.key)])
  const clock = createFakeClock()
  const connections = new Http2Connections({ clock, times: requestTimes, streamsMax: 10 })
  const streams: ServerHttp2Stream[] = []
  const server = createSecureServer({ cert, key }, (_request, response) => {
    if (connections.admit(response)) streams.push(response.stream)
    response.write('begun')
  })
  connections.follow(server)
  const sockets = new Set<unknown>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())

  const { port } = server.address() as AddressInfo
  const socket = connectTcp(port, '127.0.0.1')
  const session = connectSession('https://localhost', {
    createConnection: () =>
      connectTls({ socket, rejectUnauthorized: false, ALPNProtocols: ['h2'] }),
  })
  session.on('error', () => undefined)
  const asked = Array.from({ length: count }, () => session.request({ ':path': '/' }))
  for (const stream of asked) stream.on('error', () => undefined)
  await Promise.all(asked.map((stream) => once(stream, 'data')))
  // The ends of streams are written, and fail, before the process reads that the connection is reset.
  await beforeReads(() => {
    socket.resetAndDestroy()
    for (const stream of streams.slice(0, 2)) stream.close(constants.NGHTTP2_CANCEL)
  })
  const countEnded = (): number => streams.filter(({ destroyed }) => destroyed).length
  await waitUntil('the first two have ended', () => countEnded() === 2)
  expect(sockets.size).toBe(1)
  clock.advance(keepAliveMs)
  await waitUntil('all have ended', () => countEnded() === count && sockets.size === 0)
})
