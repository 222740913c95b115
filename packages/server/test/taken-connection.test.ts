// A stream that has its connection for itself, against a real `node:http` server. Node's own behaviour must
// stay. Where something is not as expected, the stream stays on its response.

import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { promisify } from 'node:util'
import { memoryLog } from '@tidemark/log'
import { afterEach, describe, expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'
import { declareFate } from '../src/hub/index.ts'
import { get, sendRaw } from './support/node-server.ts'
import type { RawClient } from './support/node-server.ts'

type Prepare = (request: IncomingMessage, response: ServerResponse) => void

interface Running {
  readonly tide: Tidemark
  readonly server: Server
  readonly port: number
  readonly ask: (headers?: string) => RawClient
  readonly countConnections: () => Promise<number>
  /** Of its streams. */
  readonly sockets: readonly Socket[]
}

let open: Running[] = []

afterEach(async () => {
  for (const { tide, server } of open) {
    await tide.close()
    server.closeAllConnections()
    server.close()
  }
  open = []
})

async function start(prepare?: Prepare, options: ServerOptions = {}): Promise<Running> {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const sockets: Socket[] = []
  const server = createServer(options, (request, response) => {
    if (request.url === '/hello') {
      response.end('hello')
      return
    }
    sockets.push(request.socket)
    prepare?.(request, response)
    void tide.subscribe(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const running: Running = {
    tide,
    server,
    port,
    sockets,
    ask: (headers) => sendRaw(port, get('/?topic=a', headers)),
    countConnections: () => promisify(server.getConnections.bind(server))(),
  }
  open.push(running)
  return running
}

async function expectStream({ tide, ask }: Running): Promise<RawClient> {
  const client = ask()
  await client.until('tidemark.ready')
  await tide.publish('a', { data: 'one' })
  await client.until('data: one\n')
  return client
}

describe('a connection that a stream has for itself', () => {
  test('says that nothing comes after the stream, and ends with it', async () => {
    const running = await start()
    const client = await expectStream(running)
    expect(client.text).toContain('\r\nConnection: close\r\n')
    await running.tide.close()
    await once(client.socket, 'close')
    expect(client.text).toMatch(/event: tidemark\.bye[^]*\r\n0\r\n\r\n$/)
  })

  test('keeps nothing of Node’s parser, and reads on', async () => {
    const sockets: Socket[] = []
    const running = await start((request) => sockets.push(request.socket))
    const client = await expectStream(running)
    const [socket] = sockets
    await expect.poll(() => partOf(socket, 'parser')).toBeNull()
    expect(socket?.destroyed).toBe(false)
    client.socket.write('GET')
    await expect.poll(() => socket?.destroyed).toBe(true)
  })

  test('is counted once, and no more when the client has left or was reset', async () => {
    const running = await start()
    const [first, second] = [await expectStream(running), await expectStream(running)]
    expect(await running.countConnections()).toBe(2)
    first.socket.destroy()
    await expect.poll(running.countConnections).toBe(1)
    second.socket.resetAndDestroy()
    await expect.poll(running.countConnections).toBe(0)
    expect(running.tide.sessionCount).toBe(0)
  })

  test('keeps a server that closes waiting until the stream has ended', async () => {
    const running = await start()
    await expectStream(running)
    let isClosed = false
    const closed = once(running.server.close(), 'close').then(() => (isClosed = true))
    // Refused, so the server has had its turn.
    await once(sendRaw(running.port, get('/hello')).socket, 'error')
    expect(isClosed).toBe(false)
    await running.tide.close()
    await closed
  })

  test('is closed with all others', async () => {
    const running = await start()
    const client = await expectStream(running)
    running.server.closeAllConnections()
    await once(client.socket, 'close')
    await expect.poll(() => running.tide.sessionCount).toBe(0)
  })

  test('outlives the time limits of requests', async () => {
    const limits = { headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 10 }
    const running = await start(undefined, { ...limits, keepAliveTimeout: 20 })
    const client = await expectStream(running)
    const slow = sendRaw(running.port, 'GET / HTT')
    await once(slow.socket, 'close')
    await running.tide.publish('a', { data: 'two' })
    await client.until('data: two\n')
  })

  test('closes when the client sends something that belongs to no request; empty lines are no matter', async () => {
    const running = await start()
    const client = await expectStream(running)
    client.socket.write('\r\n\r\n')
    await running.tide.publish('a', { data: 'two' })
    await client.until('data: two\n')
    client.socket.write(get('/hello'))
    await once(client.socket, 'close')
    await expect.poll(() => running.tide.sessionCount).toBe(0)
    expect(client.text).not.toContain('hello')
  })

  test.each(['the server closes all', 'the client is reset'] as const)(
    'takes what is still waiting along when %s',
    async (how) => {
      const running = await start()
      const client = await expectStream(running)
      client.socket.pause()
      const data = 'z'.repeat(256 * 1024)
      for (let i = 0; i < 40; i++) await running.tide.publish('a', { data })
      if (how === 'the client is reset') client.socket.resetAndDestroy()
      else running.server.closeAllConnections()
      await expect.poll(running.countConnections).toBe(0)
      await expect.poll(() => running.tide.sessionCount).toBe(0)
    },
  )

  test.each(['close', 'error', 'end', 'timeout'])(
    'tells those who listen to its socket from the start (%s)',
    async (name) => {
      let heard = 0
      const running = await start(({ socket }) => socket.on(name, () => (heard += 1)))
      const client = await expectStream(running)
      expect(client.text).toContain('\r\nConnection: close\r\n')
      expect(heard).toBe(0)
      const [socket] = running.sockets
      if (name === 'timeout') socket?.emit('timeout')
      else if (name === 'error') socket?.destroy(new Error('broken'))
      else client.socket.end()
      await expect.poll(() => heard).toBe(1)
      await expect.poll(() => running.tide.sessionCount).toBe(0)
    },
  )

  test('tells what has declared itself ready for it that it is taken, once', async () => {
    const heard: string[] = []
    const running = await start((request, response) => {
      request.once(
        'close',
        declareFate(() => heard.push('request'), 'told'),
      )
      response.on(
        'close',
        declareFate(() => heard.push('response'), 'told'),
      )
    })
    const client = await expectStream(running)
    await expect.poll(() => heard).toEqual(['request', 'response'])
    client.socket.destroy()
    await expect.poll(() => running.tide.sessionCount).toBe(0)
    expect(heard).toHaveLength(2)
  })
})

/** Hides what an object has, or inherits; returns how to show it again. */
function hide(object: object, name: string): () => void {
  const own = Object.getOwnPropertyDescriptor(object, name)
  Object.defineProperty(object, name, { value: undefined, configurable: true, writable: true })
  return () => {
    if (own === undefined) Reflect.deleteProperty(object, name)
    else Object.defineProperty(object, name, own)
  }
}

function partOf(socket: Socket | undefined, name: 'parser'): object | null | undefined {
  return (socket as unknown as Readonly<Record<string, object | null>> | undefined)?.[name]
}

type Break = (request: IncomingMessage, response: ServerResponse) => (() => void) | undefined

/** A way to listen that says nothing of being ready for a connection that is taken. */
function listenOn(name: string, pick: (...exchange: Parameters<Prepare>) => EventEmitter): Break {
  return (...exchange) => {
    pick(...exchange).on(name, () => undefined)
    return undefined
  }
}

type Listener = (...values: unknown[]) => unknown

/** Puts a function of another name in the place of a listener. */
function rename(emitter: EventEmitter, event: string, name: string): undefined {
  const listener = emitter.listeners(event).find((each) => each.name === name) as Listener
  emitter.off(event, listener).on(event, (...values) => listener(...values))
}

const reasons: readonly (readonly [string, Break])[] = [
  [
    'the parser cannot let it go',
    ({ socket }) => hide(partOf(socket, 'parser') ?? {}, 'unconsume'),
  ],
  [
    'the parser does not say what it read',
    ({ socket }) => {
      const parser = partOf(socket, 'parser') ?? {}
      let show: (() => void) | undefined
      // Until the end of the request Node itself needs to know.
      queueMicrotask(() => (show = hide(parser, 'incoming')))
      return () => show?.()
    },
  ],
  ['the socket has no parser', ({ socket }) => hide(socket, 'parser')],
  ['the socket has no server', ({ socket }) => hide(socket, 'server')],
  [
    'the socket is of another kind',
    ({ socket }) => {
      Object.setPrototypeOf(
        socket,
        Object.create(Object.getPrototypeOf(socket) as object) as object,
      )
      return undefined
    },
  ],
  [
    'the socket has a time limit',
    ({ socket }) => {
      socket.setTimeout(60_000)
      return undefined
    },
  ],
  [
    'Node does not clean up behind a closed socket by the name we know',
    ({ socket }) => rename(socket, 'close', 'bound socketOnClose'),
  ],
  [
    'Node does not wait for the drain of a socket by the name we know',
    ({ socket }) => rename(socket, 'drain', 'bound socketOnDrain'),
  ],
  [
    'the response does not write as we know',
    (_, response) => {
      const { _writeRaw: writeRaw } = response as unknown as Readonly<Record<string, Listener>>
      Object.assign(response, {
        _writeRaw: (...values: unknown[]): unknown => writeRaw?.apply(response, values),
      })
      return undefined
    },
  ],
  [
    'somebody has a way of his own to destroy the request',
    (request) => {
      const destroy = request.destroy.bind(request)
      request.destroy = (error) => destroy(error)
      return undefined
    },
  ],
  ['somebody reads the socket', listenOn('data', ({ socket }) => socket)],
  ['somebody waits for the request to close', listenOn('close', (request) => request)],
  ['somebody waits for the response to close', listenOn('close', (_, response) => response)],
  ['somebody waits for the response to finish', listenOn('finish', (_, response) => response)],
]

describe('a connection that stays with its response', () => {
  test.each(reasons)('because %s: the stream is right all the same', async (_, breakIt) => {
    let restore: (() => void) | undefined
    const running = await start((request, response) => (restore = breakIt(request, response)))
    const client = await expectStream(running)
    expect(client.text).not.toContain('Connection: close')
    restore?.()
    await running.tide.close()
    await client.until('\r\n0\r\n\r\n')
    client.socket.write(get('/hello'))
    await client.until('\r\n\r\nhello')
    client.socket.destroy()
    await expect.poll(running.countConnections).toBe(0)
  })

  test('because a further request came right behind: that is answered after the stream', async () => {
    const running = await start()
    const client = sendRaw(running.port, get('/?topic=a') + get('/hello'))
    await client.until('tidemark.ready')
    await running.tide.close()
    await client.until('\r\n\r\nhello')
    expect(client.text).not.toContain('Connection: close')
    client.socket.destroy()
  })

  test('tells who waits for the close when it comes, and not before', async () => {
    let closes = 0
    const running = await start((_, response) => response.on('close', () => (closes += 1)))
    const client = await expectStream(running)
    expect(closes).toBe(0)
    client.socket.destroy()
    await expect.poll(() => closes).toBe(1)
  })
})
