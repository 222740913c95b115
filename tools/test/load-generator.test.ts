// The load generator of `bench/peers` sees exactly what a server does, also where a server or the
// network cuts its bytes anywhere.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRandom } from '@tidemark/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildGenerator, runPlan } from '../../bench/peers/load-generator.ts'
import type { LoadOutcome } from '../../bench/peers/load-generator.ts'
import { textPayload } from '../../bench/peers/payload.ts'
import type { RunningPeer } from '../../bench/peers/server.ts'
import { getRequest, postRequest } from '../../bench/peers/servers/requests.ts'

const random = createRandom(7)
const directory = mkdtempSync(join(tmpdir(), 'tidemark-load-'))
const sockets = new Set<Socket>()
const subscribers: { readonly socket: Socket; readonly path: string }[] = []
const head =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'

/** A server that serves well, or not, by path; every chunk and every write ends at a random place. */
const server = createServer((socket) => {
  sockets.add(socket.setNoDelay(true))
  let text = ''
  socket
    .on('error', () => undefined)
    .on('data', (bytes) => {
      text += bytes.toString('latin1')
      const headEnd = text.indexOf('\r\n\r\n') + 4
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
      if (headEnd < 4 || text.length < headEnd + length) return
      answer(socket, text.split(' ')[1] ?? '', text.slice(headEnd))
      text = ''
    })
})

function answer(socket: Socket, path: string, data: string): void {
  if (path === '/publish') {
    publish(data)
    socket.write('HTTP/1.1 204 No Content\r\n\r\n')
  } else if (path === '/refused') {
    socket.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n')
  } else {
    writeInPieces(socket, head)
    subscribers.push({ socket, path })
  }
}

function publish(data: string): void {
  const number = Number(/TIDEMARK(\d{8})/.exec(data)?.[1])
  for (const { socket, path } of subscribers) {
    const isMarked = number % 5 === 0
    const times = isMarked && path === '/lossy' ? 0 : isMarked && path === '/twice' ? 2 : 1
    for (let i = 0; i < times; i++) writeInPieces(socket, chunked(`data: ${data}\n\n`))
    if (path === '/closing' && number === 20) socket.end('0\r\n\r\n')
  }
}

function chunked(text: string): string {
  return cut(text)
    .map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`)
    .join('')
}

function writeInPieces(socket: Socket, text: string): void {
  if (socket.writable) for (const piece of cut(text)) socket.write(piece)
}

function cut(text: string): string[] {
  const pieces: string[] = []
  for (let at = 0; at < text.length;) {
    const length = 1 + random.int(39)
    pieces.push(text.slice(at, at + length))
    at += length
  }
  return pieces
}

let outcome: LoadOutcome

function group(name: string) {
  const seen = outcome.groups.find((each) => each.name === name)
  if (seen === undefined) throw new Error(`No group ${name} in the report.`)
  return seen
}

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const peer: RunningPeer = {
    port: (server.address() as AddressInfo).port,
    subscribeRequest: ([path = '']) => getRequest(`/${path}`),
    publishRequest: (topic, data) => postRequest(`/${topic}`, data),
    pids: () => [process.pid],
    stop: () => Promise.resolve(),
  }
  outcome = await runPlan(await buildGenerator(directory), {
    peer,
    groups: ['fine', 'lossy', 'twice', 'closing', 'refused'].map((name) => ({
      name,
      connections: 3,
      requests: [peer.subscribeRequest([name])],
    })),
    publishing: {
      requests: [peer.publishRequest('publish', textPayload(128))],
      eventsPerSecond: 100,
    },
    warmupMs: 100,
    windowMs: 900,
    drainMs: 3_000,
  })
})

afterAll(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
  rmSync(directory, { recursive: true, force: true })
})

test('every event is found once, wherever chunks and writes were cut', () => {
  expect(outcome.published).toBeGreaterThan(50)
  expect(outcome.acknowledged).toBe(outcome.published)
  expect(group('fine')).toMatchObject({
    opened: 3,
    failed: 0,
    closed: 0,
    missing: 0,
    duplicated: 0,
    disordered: 0,
  })
  expect(group('fine').latency?.count).toBe(3 * outcome.publishedInWindow)
})

test('what a server loses, repeats, refuses or ends is counted', () => {
  const marked = Math.ceil(outcome.published / 5)
  expect(group('lossy').missing).toBe(3 * marked)
  expect(group('twice')).toMatchObject({ missing: 0, duplicated: 3 * marked })
  expect(group('closing')).toMatchObject({ opened: 3, closed: 3 })
  expect(group('closing').missing).toBe(3 * (outcome.published - 21))
  expect(group('refused')).toMatchObject({ opened: 0, refused: 3 })
})

test('latencies are in the order of their quantiles', () => {
  const latency = group('fine').latency
  expect(latency?.p50).toBeGreaterThan(0)
  expect(latency?.p99).toBeGreaterThanOrEqual(latency?.p50 ?? Infinity)
  expect(latency?.max).toBeGreaterThanOrEqual(latency?.p99 ?? Infinity)
})
