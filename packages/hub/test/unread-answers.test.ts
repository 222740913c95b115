// Answers that nobody reads: how many wait, and how long.

import { once } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { countConnections, createFakeClock } from '@tidemark/testkit'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { loadCertificate } from '../src/tls/load-certificate.ts'
import type { Certificate } from '../src/tls/load-certificate.ts'
import { makeCertificate } from './support/certificate.ts'
import { collect, request } from './support/http2.ts'
import { exchange } from './support/raw.ts'
import { startTestServer } from './support/test-server.ts'

const MiB = 1024 * 1024
const page = { ':path': '/topics/a' }
/** Limits that no test reaches. */
const wide = { heldBytesMax: 64 * MiB, connectionBytesMax: 64 * MiB }

let certificate: Certificate

beforeAll(async () => {
  const files = await makeCertificate()
  certificate = loadCertificate(files)
  await files.remove()
})

/** A client whose windows are as wide as told. */
function open(port: number, initialWindowSize: number): ClientHttp2Session {
  const session = connectHttp2(`https://localhost:${port}`, {
    rejectUnauthorized: false,
    settings: { initialWindowSize },
  })
  session.on('error', () => undefined)
  onTestFinished(() => session.destroy())
  return session
}

async function publish(port: number, bytes: number): Promise<void> {
  const post = { ':method': 'POST', ':path': '/topics/a' }
  expect((await request(open(port, 65_535), post, 'x'.repeat(bytes))).status).toBe(200)
}

test('a connection of HTTP/2 that reads nothing is refused more than its share, and others are served', async () => {
  const answers = { heldBytesMax: 8 * MiB, connectionBytesMax: 350_000, readMsMax: 60_000 }
  const port = await startTestServer({ certificate, answers })
  await publish(port, 100_000)
  const shut = open(port, 0)
  const streams = Array.from({ length: 20 }, () => shut.request(page))
  const answered = streams.map(async (stream) => {
    const [head] = (await once(stream, 'response')) as [{ readonly ':status': number }]
    return head[':status']
  })
  const statuses = await Promise.all(answered)
  expect(statuses.filter((status) => status === 200)).toHaveLength(3)
  expect(statuses.filter((status) => status === 503)).toHaveLength(17)
  expect((await request(open(port, 65_535), page)).status).toBe(200)
  const bodies = streams.map(collect)
  shut.settings({ initialWindowSize: 65_535 })
  for (const { body } of await Promise.all(bodies))
    expect(body).toMatch(/"records"|"OVERLOADED".*"Answers of \d+ bytes wait/)
  expect((await request(shut, page)).status).toBe(200)
})

test('a connection of HTTP/1.1 with many requests in line is refused more than its share', async () => {
  const answers = { heldBytesMax: 64 * MiB, connectionBytesMax: 3 * MiB, readMsMax: 60_000 }
  const port = await startTestServer({ answers })
  const head = 'POST /topics/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
  await exchange(port, [`${head}Content-Length: ${MiB}\r\n\r\n`, 'x'.repeat(MiB)])
  const get = 'GET /topics/a HTTP/1.1\r\nHost: localhost\r\n'
  const { headers, body } = await exchange(port, [
    `${`${get}\r\n`.repeat(29)}${get}Connection: close\r\n\r\n`,
  ])
  const statuses = `${headers}\r\n${body}`.match(/HTTP\/1\.1 \d+/g) ?? []
  expect(statuses).toHaveLength(30)
  expect(statuses.filter((status) => status.endsWith('503')).length).toBeGreaterThan(20)
})

test('all connections together hold no more than the bound, and what a broken one held is let go', async () => {
  const answers = { heldBytesMax: 3 * MiB, connectionBytesMax: 3 * MiB, readMsMax: 60_000 }
  const port = await startTestServer({ certificate, answers })
  await publish(port, MiB)
  const shut = open(port, 0)
  const streams = [1, 2].map(() => shut.request(page))
  await Promise.all(streams.map((stream) => once(stream, 'response')))
  const other = open(port, 65_535)
  const refused = await request(other, page)
  expect(JSON.parse(refused.body)).toMatchObject({ status: 503, code: 'OVERLOADED' })
  shut.destroy()
  await expect.poll(async () => (await request(other, page)).status).toBe(200)
})

test('an answer that is not read in time is cut, and its stream says so', async () => {
  const clock = createFakeClock()
  const port = await startTestServer({ certificate, clock, answers: { ...wide, readMsMax: 1_000 } })
  await publish(port, 100_000)
  const stream = open(port, 0).request(page)
  stream.on('error', () => undefined)
  await once(stream, 'response')
  clock.advance(1_000)
  await once(stream, 'close')
  expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL)
})

/** Asks for more than the system's buffers take, and reads nothing. */
async function askAndRead(port: number): Promise<Socket> {
  const head = 'POST /topics/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
  await exchange(port, [`${head}Content-Length: ${MiB}\r\n\r\n`, 'x'.repeat(MiB)])
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  socket.pause()
  socket.write('GET /topics/a HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(30))
  return socket
}

test('a client of HTTP/1.1 that does not read its answer in time loses the connection', async () => {
  const clock = createFakeClock()
  const port = await startTestServer({ clock, answers: { ...wide, readMsMax: 1_000 } })
  await askAndRead(port)
  await expect.poll(() => clock.pending).toBeGreaterThan(0)
  expect(countConnections(process.pid, port)).toBe(1)
  clock.advance(1_000)
  await expect.poll(() => countConnections(process.pid, port)).toBe(0)
})

test('answers that wait in line are let go of with their connection', async () => {
  const clock = createFakeClock()
  const port = await startTestServer({ clock, answers: { ...wide, readMsMax: 1_000 } })
  const socket = await askAndRead(port)
  await expect.poll(() => clock.pending).toBeGreaterThan(1)
  socket.resetAndDestroy()
  await expect.poll(() => clock.pending).toBe(0)
})
