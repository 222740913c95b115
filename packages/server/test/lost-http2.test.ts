// A client of HTTP/2 over TLS that is gone in a moment in which Node does not hear of it.

import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect as connectSession, constants, createSecureServer } from 'node:http2'
import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { memoryLog } from '@tidemark/log'
import { beforeReads, makeCertificate, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'

interface Started {
  readonly tide: Tidemark
  readonly port: number
  /** The server's streams, in the order of their requests. */
  readonly streams: readonly ServerHttp2Stream[]
  /** Connections that have not ended for the server. */
  readonly open: ReadonlySet<unknown>
}

async function serve(wrap: (response: Http2ServerResponse) => void): Promise<Started> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-lost-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const files = await makeCertificate(directory)
  const [cert, key] = await Promise.all([files.cert, files.key].map((file) => readFile(file)))
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const streams: ServerHttp2Stream[] = []
  const open = new Set<unknown>()
  const server = createSecureServer({ cert, key }, (request, response) => {
    streams.push(response.stream)
    response.stream.on('error', () => undefined)
    wrap(response)
    void tide.subscribe(request, response)
  })
  server.on('session', (session) => {
    open.add(session)
    session.on('error', () => undefined)
    session.once('close', () => open.delete(session))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    await tide.close()
    server.close()
  })
  return { tide, port: (server.address() as AddressInfo).port, streams, open }
}

/** Opens streams on one connection, and resolves to its socket when all have begun. */
async function follow(port: number, count: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1')
  const trust = { rejectUnauthorized: false, ALPNProtocols: ['h2'] }
  const session = connectSession('https://localhost', {
    createConnection: () => connectTls({ socket, ...trust }),
  })
  session.on('error', () => undefined)
  const streams = Array.from({ length: count }, () => session.request({ ':path': '/?topic=a' }))
  for (const stream of streams) stream.on('error', () => undefined)
  await Promise.all(streams.map((stream) => once(stream, 'data')))
  return socket
}

/** Does to a response as middleware does: puts a `write` of its own in front of Node's. */
function wrapWrite(response: Http2ServerResponse): void {
  const write = response.write.bind(response)
  response.write = (chunk: Uint8Array | string) => write(chunk)
}

test.each([
  ['a plain response', () => undefined],
  ['a wrapped response', wrapWrite],
])(
  'streams whose connection is reset between two writes end with their next events: %s',
  async (_, wrap) => {
    const { tide, port, streams, open } = await serve(wrap)
    const socket = await follow(port, 4)
    expect(tide.sessionCount).toBe(4)
    // The ends of streams are written, and fail, before the process reads that the connection is reset.
    await beforeReads(() => {
      socket.resetAndDestroy()
      for (const stream of streams.slice(0, 2)) stream.close(constants.NGHTTP2_CANCEL)
    })
    await waitUntil('the first two have ended', () => tide.sessionCount <= 2)
    await tide.publish('a', { data: 'one' })
    await tide.publish('a', { data: 'two' })
    await waitUntil('all have ended', () => tide.sessionCount === 0 && open.size === 0)
  },
)
