// Connections that another process has accepted are served as a server's own.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { RequestListener, ServerOptions } from 'node:http'
import { connect as connectSession, createSecureServer } from 'node:http2'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { HandedConnections } from '../src/workers/handed-connections.ts'
import type { FromWorker } from '../src/workers/messages.ts'
import { makeCertificate } from './support/certificate.ts'
import { connectHttp2, request } from './support/http2.ts'
import { exchange } from './support/raw.ts'

interface ListeningSocket {
  readonly port: number
  readonly told: readonly FromWorker[]
  readonly handed: HandedConnections
  readonly close: () => void
}

function openHttpDoor(options: ServerOptions, answer: RequestListener): Promise<ListeningSocket> {
  const server = createHttpServer(options, answer)
  return openDoor(server, () => server.closeAllConnections())
}

/** Accepts connections as the supervising process does, and hands them to a server that does not listen. */
async function openDoor(server: Server, closeConnections: () => void): Promise<ListeningSocket> {
  const told: FromWorker[] = []
  const handed = new HandedConnections(server, (message) => told.push(message))
  const door = createServer((socket) => handed.take(socket))
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  const close = (): void => {
    server.close()
    closeConnections()
  }
  onTestFinished(() => {
    close()
    door.close()
  })
  return { port: (door.address() as AddressInfo).port, told, handed, close }
}

function countClosed(told: readonly FromWorker[]): number {
  return told.reduce((sum, each) => sum + (each.kind === 'closed' ? each.connections : 0), 0)
}

test('a request that comes too slowly is refused on a handed connection too', async () => {
  const times = { headersTimeout: 100, requestTimeout: 100, connectionsCheckingInterval: 20 }
  const { port } = await openHttpDoor(times, () => undefined)
  expect(await exchange(port, ['GET / HTTP/1.1\r\nHost'])).toMatchObject({ status: 408 })
})

test('who closes his side after the request still gets the answer', async () => {
  const { port } = await openHttpDoor({}, (request, response) => {
    request.resume().once('end', () => setImmediate(() => response.end('late')))
  })
  const socket = connect(port, '127.0.0.1')
  socket.end('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok')
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  await once(socket, 'close')
  expect(text).toContain('late')
})

test('what was taken and what has ended is told, a broken connection too', async () => {
  const { port, told, handed } = await openHttpDoor({}, (_, response) => response.end())
  const line = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
  await Promise.all([exchange(port, [line]), exchange(port, [line])])
  await waitUntil('both are told', () => countClosed(told) === 2)
  expect(told.filter(({ kind }) => kind === 'taken')).toHaveLength(2)
  handed.take(undefined)
  expect(told.filter(({ kind }) => kind === 'taken')).toHaveLength(3)
  await waitUntil('the broken one is told', () => countClosed(told) === 3)
})

test('closing the server ends handed connections, and says that no more shall come', async () => {
  const { port, told, close } = await openHttpDoor({}, () => undefined)
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await waitUntil('it is taken', () => told.length > 0)
  let isClosed = false
  socket.on('error', () => undefined).once('close', () => (isClosed = true))
  close()
  await waitUntil('it is closed', () => isClosed)
  await waitUntil('it is told', () => told.some(({ kind }) => kind === 'drained'))
})

async function openHttp2Door(
  answer: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Promise<ListeningSocket> {
  const certificate = await makeCertificate()
  onTestFinished(() => certificate.remove())
  const [cert, key] = [readFileSync(certificate.cert), readFileSync(certificate.key)]
  const server = createSecureServer({ cert, key, allowHTTP1: true }, answer)
  return openDoor(server, () => undefined)
}

test('TLS with HTTP/2 is spoken on a handed connection, and its end is told', async () => {
  const { port, told } = await openHttp2Door((_, response) => response.end('secret'))
  const session = connectHttp2(port)
  const { body } = await request(session, { ':path': '/' })
  expect(body).toBe('secret')
  expect(countClosed(told)).toBe(0)
  session.close()
  await waitUntil('it is told', () => countClosed(told) === 1)
})

test('streams of HTTP/2 end when their client is gone without a word', async () => {
  let ended = 0
  const { port, told } = await openHttp2Door((_, response) => {
    response.stream.once('close', () => (ended += 1))
    response.write('begun')
  })
  const trust = { rejectUnauthorized: false, ALPNProtocols: ['h2'] }
  const socket = connectTls({ port, host: '127.0.0.1', ...trust })
  const session = connectSession('https://localhost', { createConnection: () => socket })
  session.on('error', () => undefined)
  const streams = [session.request({ ':path': '/' }), session.request({ ':path': '/' })]
  for (const stream of streams) stream.on('error', () => undefined)
  await Promise.all(streams.map((stream) => once(stream, 'data')))
  socket.destroy()
  await waitUntil('both have ended', () => ended === 2)
  await waitUntil('it is told', () => countClosed(told) === 1)
})
