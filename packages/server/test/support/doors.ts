// Every door a subscription can come in by, behind one kind of client.

import { once } from 'node:events'
import { createServer, request as requestHttp } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import { Hono } from 'hono'
import type { Tidemark } from '../../src/index.ts'
import { subscriptionBytesMax } from '../../src/limits.ts'

export interface Ask {
  readonly method?: string | undefined
  /** The text behind the path. */
  readonly query?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | Uint8Array | undefined
}

/** An answer that is being read. */
export interface DoorAnswer {
  readonly status: number
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, unknown>>
  /** The part of the body that has arrived. */
  readonly text: string
  readonly isEnded: boolean
  /** Lets go of the answer, as a client that leaves. */
  leave(): void
}

export interface OpenDoor {
  ask(ask: Ask): Promise<DoorAnswer>
  /** Sends the head of a POST and half of its body, and leaves; resolves when the server has seen it. */
  leaveInBody(): Promise<void>
  /**
   * Asks, and leaves once `asked` has come and before there is an answer; resolves when the server has seen
   * it.
   */
  leaveBeforeAnswer(query: string, asked: Promise<void>): Promise<void>
  close(): Promise<void>
}

export interface Door {
  readonly name: string
  open(tide: Tidemark): Promise<OpenDoor>
}

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** A door behind a `node:http` server. */
function describeHttpDoor(name: string, makeHandler: (tide: Tidemark) => Handler): Door {
  return {
    name,
    async open(tide) {
      const server = createServer(makeHandler(tide)).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      return {
        ask: (ask) => askHttp(port, ask),
        leaveInBody: () => leaveInHttpBody(port, server),
        async leaveBeforeAnswer(query, asked) {
          const arrived = once(server, 'request')
          const leaving = requestHttp({ port, path: `/events${query}` })
          leaving.on('error', () => undefined).end()
          const [incoming] = (await arrived) as [IncomingMessage]
          const closed = new Promise((resolve) => incoming.socket.once('close', resolve))
          await asked
          leaving.destroy()
          await closed
        },
        async close() {
          server.closeAllConnections()
          server.close()
          await once(server, 'close')
        },
      }
    },
  }
}

async function askHttp(port: number, { method, query, headers, body }: Ask): Promise<DoorAnswer> {
  const path = `/events${query ?? ''}`
  const asked = requestHttp({ port, path, method, headers: { ...headers } })
  asked.end(body)
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  asked.on('error', () => undefined)
  return readAnswer(answer, {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    leave: () => void answer.destroy(),
  })
}

async function leaveInHttpBody(port: number, server: Server): Promise<void> {
  const arrived = once(server, 'request')
  const asked = requestHttp({ port, path: '/events', method: 'POST' })
  asked.on('error', () => undefined)
  asked.setHeader('Content-Type', 'application/json')
  asked.write('{"topics":["a"]')
  const [incoming] = (await arrived) as [IncomingMessage]
  // Not `once` of node:events, which rejects with the error of the cut.
  const closed = new Promise((resolve) => incoming.socket.once('close', resolve))
  asked.destroy()
  await closed
}

const http2Door: Door = {
  name: 'node:http2, tide.subscribe',
  async open(tide) {
    const server = createHttp2Server((request, response) => {
      void tide.subscribe(request, response)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    session.on('error', () => undefined)
    return {
      async ask({ method = 'GET', query = '', headers, body }) {
        const stream = session.request({
          ':path': `/events${query}`,
          ':method': method,
          ...headers,
        })
        stream.on('error', () => undefined)
        stream.end(body)
        const [got] = (await once(stream, 'response')) as [Record<string, unknown>]
        return readAnswer(stream, {
          status: Number(got[':status']),
          headers: got,
          leave: () => stream.close(),
        })
      },
      async leaveInBody() {
        const arrived = once(server, 'stream')
        const stream = session.request({ ':path': '/events', ':method': 'POST' })
        stream.on('error', () => undefined)
        stream.write('{"topics":["a"]')
        const [incoming] = (await arrived) as [Readable]
        const closed = once(incoming, 'close')
        incoming.on('error', () => undefined)
        stream.close(8)
        await closed
      },
      async leaveBeforeAnswer(query, asked) {
        const arrived = once(server, 'stream')
        const stream = session.request({ ':path': `/events${query}` })
        stream.on('error', () => undefined)
        const [incoming] = (await arrived) as [Readable]
        const closed = once(incoming, 'close')
        incoming.on('error', () => undefined)
        await asked
        stream.close(8)
        await closed
      },
      async close() {
        session.destroy()
        server.close()
        await once(server, 'close')
      },
    }
  },
}

function readAnswer(
  body: Readable,
  { leave, ...head }: Pick<DoorAnswer, 'status' | 'headers' | 'leave'>,
): DoorAnswer {
  let text = ''
  let isEnded = false
  body.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  body.on('end', () => (isEnded = true)).on('error', () => undefined)
  return {
    ...head,
    leave,
    get text() {
      return text
    },
    get isEnded() {
      return isEnded
    },
  }
}

const fetchDoor: Door = {
  name: 'the Fetch API, tide.fetch',
  open: (tide) =>
    Promise.resolve({
      async ask({ method, query, headers, body }) {
        const init = { method, headers, body } as RequestInit
        const leaving = new AbortController()
        const request = new Request(`http://localhost/events${query ?? ''}`, {
          ...init,
          signal: leaving.signal,
        })
        const response = await tide.fetch(request)
        return readResponse(response, () => leaving.abort())
      },
      async leaveInBody() {
        const body = new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('{"topics":["a"]'))
            controller.error(new Error('cut off'))
          },
        })
        const init = { method: 'POST', body, duplex: 'half' }
        await tide.fetch(new Request('http://localhost/events', init))
      },
      async leaveBeforeAnswer(query, asked) {
        const leaving = new AbortController()
        const { signal } = leaving
        void tide.fetch(new Request(`http://localhost/events${query}`, { signal }))
        await asked
        leaving.abort()
      },
      close: () => Promise.resolve(),
    }),
}

function readResponse(response: Response, leave: () => void): DoorAnswer {
  let text = ''
  let isEnded = false
  const decoder = new TextDecoder()
  const read = async (): Promise<void> => {
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true })
    isEnded = true
  }
  void read().catch(() => undefined)
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    leave,
    get text() {
      return text
    },
    get isEnded() {
      return isEnded
    },
  }
}

function subscribeInExpress(tide: Tidemark): Handler {
  const app = express()
  app.use(express.json({ limit: subscriptionBytesMax }))
  app.all('/events', (request, response) => tide.subscribe(request, response))
  return app
}

function subscribeWrapped(tide: Tidemark): Handler {
  return (request, response) => {
    const write = response.write.bind(response) as (chunk: Uint8Array) => boolean
    response.write = ((chunk: Uint8Array) => write(chunk)) as ServerResponse['write']
    return tide.subscribe(request, response)
  }
}

function fetchInHono(tide: Tidemark): Handler {
  const app = new Hono().all('/events', (context) => tide.fetch(context.req.raw))
  return getRequestListener(app.fetch)
}

/** All of them. */
export const doors: readonly Door[] = [
  describeHttpDoor('node:http, tide.subscribe', (tide) => tide.subscribe),
  describeHttpDoor('node:http behind middleware that wraps the response', subscribeWrapped),
  describeHttpDoor('Express with express.json(), tide.subscribe', subscribeInExpress),
  http2Door,
  fetchDoor,
  describeHttpDoor('Hono on Node, tide.fetch', fetchInHono),
]
