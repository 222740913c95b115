// The HTTP/2 door of load tests tells its clients of each end, also of one that Node itself does not see.

import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createSecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { beforeReads, makeCertificate, waitUntil } from '../src/index.ts'
import { createHttp2Door } from '../src/load/http2-door.ts'
import type { OpenedStream } from '../src/traffic/door.ts'

/** A server that begins each stream; `reset` breaks its connections. */
async function serve(): Promise<{ readonly url: URL; readonly reset: () => void }> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-door-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const files = await makeCertificate(directory)
  const [cert, key] = await Promise.all([files.cert, files.key].map((file) => readFile(file)))
  const sockets = new Set<Socket>()
  const server = createSecureServer({ cert, key }, (_, response) => {
    response.write('begun')
  })
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.on('session', (session) => session.on('error', () => undefined))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return {
    url: new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    reset: () => {
      for (const socket of sockets) socket.resetAndDestroy()
    },
  }
}

test('all streams of a connection end when it is reset between two writes', async () => {
  const { url, reset } = await serve()
  const door = createHttp2Door({ streamsPerConnection: 4 })
  onTestFinished(() => door.close())
  let [begun, ended] = [0, 0]
  const streams: OpenedStream[] = Array.from({ length: 4 }, () =>
    door.open(
      { url, headers: {} },
      {
        opened: () => undefined,
        bytes: () => (begun += 1),
        broken: (error) => expect.unreachable(String(error)),
        ended: () => (ended += 1),
      },
    ),
  )
  await waitUntil('all have begun', () => begun === 4)
  // The cuts are written, and fail, before the process reads that the connection is reset.
  await beforeReads(() => {
    reset()
    for (const stream of streams.slice(0, 2)) stream.cut()
  })
  await waitUntil('all have ended', () => ended === 4)
})
