// Acts of an application with a request in the moment of its subscribing, and requests whose client has left
// before.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryLog } from '@tidemark/log'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'
import type { NodeRequest, NodeResponse } from '../src/node/index.ts'
import { connectHttp2, serveHttp2 } from './support/http2-server.ts'
import { get, sendRaw } from './support/node-server.ts'
import { settle } from './support/settle.ts'

type Handle = (tide: Tidemark, request: NodeRequest, response: NodeResponse) => unknown

interface Asked {
  readonly method?: string
  readonly body?: string
}

interface Server {
  readonly tide: Tidemark
  /** Sends one request, whole. */
  readonly ask: (asked: Asked) => {
    readonly leave: () => void
    readonly whenClosed: Promise<unknown>
  }
}

async function serveHttp(handle: Handle): Promise<Server> {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const server = createServer((request, response) => void handle(tide, request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    await tide.close()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    tide,
    ask({ method = 'GET', body = '' }) {
      const length = body === '' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`
      const head = get('/?topic=a', length).replace('GET', method)
      const { socket } = sendRaw(port, head + body)
      return {
        leave: () => void socket.destroy(),
        whenClosed: new Promise((resolve) => socket.once('close', resolve)),
      }
    },
  }
}

async function serveStreams(handle: Handle): Promise<Server> {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const server = await serveHttp2((request, response) => {
    request.on('error', () => undefined)
    void handle(tide, request, response)
  })
  const session = connectHttp2(server.port)
  onTestFinished(async () => {
    session.destroy()
    await tide.close()
    await server.close()
  })
  return {
    tide,
    ask({ method = 'GET', body }) {
      const stream = session.request({ ':path': '/?topic=a', ':method': method })
      stream.on('error', () => undefined)
      stream.resume().end(body)
      return {
        leave: () => stream.close(8),
        whenClosed: new Promise((resolve) => stream.once('close', resolve)),
      }
    },
  }
}

const acts: readonly (readonly [string, (request: NodeRequest, response: NodeResponse) => void])[] =
  [
    ['destroys the request', (request) => void request.destroy()],
    ['destroys the response', (_, response) => void response.destroy()],
    ['ends the response', (_, response) => void response.end()],
  ]

const moments: readonly (readonly [string, () => unknown])[] = [
  ['in the same turn', () => undefined],
  ['one await later', () => Promise.resolve()],
  ['one turn later', settle],
]

const cases = moments.flatMap(([moment, wait]) =>
  acts.map(([name, act]) => ({ moment, wait, name, act })),
)
const versions = [
  { version: 'HTTP/1.1', serve: serveHttp },
  { version: 'HTTP/2', serve: serveStreams },
]

describe.each(versions)('over $version', ({ serve }) => {
  test.each(cases)(
    'an application that $name $moment has no stream open',
    async ({ moment, wait, act }) => {
      let isSettled = false
      const { tide, ask } = await serve(async (node, request, response) => {
        response.on('error', () => undefined)
        void node.subscribe(request, response).then(() => (isSettled = true))
        // Awaiting nothing is later, too.
        if (moment !== 'in the same turn') await wait()
        act(request, response)
      })
      const { whenClosed, leave } = ask({})
      await expect.poll(() => isSettled).toBe(true)
      await expect.poll(() => tide.sessionCount).toBe(0)
      // A response that is ended keeps its connection alive.
      leave()
      await whenClosed
    },
  )

  test.each(['GET', 'POST'])(
    'a %s whose client left while the application was busy is over at once',
    async (method) => {
      let isBusy = false
      let isSettled = false
      const { tide, ask } = await serve(async (node, request, response) => {
        isBusy = true
        await new Promise<void>((resolve) => response.once('close', () => resolve()))
        await settle()
        await node.subscribe(request, response)
        isSettled = true
      })
      const { leave } = ask({ method, body: method === 'POST' ? '{"topics":["a"]}' : '' })
      await expect.poll(() => isBusy).toBe(true)
      leave()
      await expect.poll(() => isSettled).toBe(true)
      expect(tide.sessionCount).toBe(0)
    },
  )
})

test.each(['', 'Accept-Encoding: gzip\r\n'])(
  'an application whose write into a stream is answered with false hears drain (%j)',
  async (header) => {
    const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
    let said = 'nothing'
    const chunk = (): string =>
      `: ${Array.from({ length: 48_000 }, () => String.fromCharCode(33 + Math.floor(random() * 90))).join('')}\n\n`
    const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      await tide.subscribe(request, response)
      await settle()
      while (response.write(chunk())) await settle()
      said = 'false'
      response.once('drain', () => (said = 'drain'))
    }
    const server = createServer((request, response) => void handle(request, response)).listen(
      0,
      '127.0.0.1',
    )
    await once(server, 'listening')
    onTestFinished(async () => {
      await tide.close()
      server.closeAllConnections()
      server.close()
    })
    const { socket } = sendRaw((server.address() as AddressInfo).port, get('/?topic=a', header))
    socket.pause()
    await expect.poll(() => said).toBe('false')
    socket.resume()
    await expect.poll(() => said).toBe('drain')
    socket.destroy()
  },
)

let seed = 7
/** Text that gzip cannot make much shorter. */
function random(): number {
  seed = (seed * 16_807) % 2_147_483_647
  return seed / 2_147_483_647
}
