// The `node:http` door against real sockets, in both ways to the socket.

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { memoryLog } from '@tidemark/log'
import { createDecoder } from '@tidemark/wire'
import { afterEach, describe, expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark, TidemarkOptions } from '../src/index.ts'
import { get, sendRaw, serve } from './support/node-server.ts'
import type { NodeServer, RawClient } from './support/node-server.ts'

let open: { tide: Tidemark; server: NodeServer }[] = []

afterEach(async () => {
  for (const { tide, server } of open) {
    await tide.close()
    await server.close()
  }
  open = []
})

type Wrap = (response: ServerResponse) => void

async function start(
  options: Partial<TidemarkOptions> = {},
  wrap: Wrap = () => undefined,
): Promise<{ tide: Tidemark; port: number; ask: (path: string, headers?: string) => RawClient }> {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog(), ...options })
  const server = await serve((request, response) => {
    wrap(response)
    void tide.subscribe(request, response)
  })
  open.push({ tide, server })
  return {
    tide,
    port: server.port,
    ask: (path, headers) => sendRaw(server.port, get(path, headers)),
  }
}

/**
 * Does to a response as middleware such as compression does: puts a `write` of its own in front of Node's.
 */
function wrapWrite(response: ServerResponse): void {
  const write = response.write.bind(response)
  response.write = ((chunk: Uint8Array) => write(chunk)) as ServerResponse['write']
}

const ways: readonly (readonly [string, Wrap])[] = [
  ['straight to the socket', () => undefined],
  ['through a wrapped response', wrapWrite],
]

describe.each(ways)('%s', (_, wrap) => {
  test('a stream has the headers that keep proxies from holding it back', async () => {
    const { ask } = await start({}, wrap)
    const client = ask('/?topic=a')
    await client.until('tidemark.ready')
    expect(client.text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(client.text).toContain('Content-Type: text/event-stream; charset=utf-8\r\n')
    expect(client.text).toContain('Cache-Control: no-cache, no-transform\r\n')
    expect(client.text).toContain('X-Accel-Buffering: no\r\n')
    client.socket.destroy()
  })

  test('events arrive as valid chunks, whatever their length and script', async () => {
    const { tide, ask } = await start({}, wrap)
    const client = ask('/?topic=a')
    await client.until('tidemark.ready')
    const sent = ['x', 'grüße 🌊', 'a\nb\r\nc', 'y'.repeat(70_000), '']
    for (const data of sent) await tide.publish('a', { data })
    await tide.publish('a', { data: 'end' })
    await client.until('data: end\n')
    expect(readChunked(client.text).map(({ data }) => data)).toEqual([
      'x',
      'grüße 🌊',
      'a\nb\nc',
      'y'.repeat(70_000),
      '',
      'end',
    ])
    client.socket.destroy()
  })

  test('HTTP/1.0 gets the bytes without chunks, and their end by the end of the connection', async () => {
    const { tide, port } = await start({}, wrap)
    const client = sendRaw(port, 'GET /?topic=a HTTP/1.0\r\n\r\n')
    await client.until('tidemark.ready')
    await tide.publish('a', { data: 'one' })
    await client.until('data: one\n\n')
    expect(client.text).not.toContain('Transfer-Encoding')
    await tide.close()
    await once(client.socket, 'close')
    expect(client.text).toContain('event: tidemark.bye')
  })

  test('a client that leaves is forgotten', async () => {
    const { tide, ask } = await start({}, wrap)
    const client = ask('/?topic=a')
    await client.until('tidemark.ready')
    expect(tide.sessionCount).toBe(1)
    client.socket.destroy()
    await expect.poll(() => tide.sessionCount).toBe(0)
  })

  test('a client that closes its half is taken as gone', async () => {
    const { tide, ask } = await start({}, wrap)
    const client = ask('/?topic=a')
    await client.until('tidemark.ready')
    client.socket.end()
    await expect.poll(() => tide.sessionCount).toBe(0)
  })

  test('a client that does not read lags, costs a constant, and gets everything once it reads', async () => {
    const { tide, ask } = await start({}, wrap)
    const client = ask('/?topic=a')
    await client.until('tidemark.ready')
    client.socket.pause()
    const data = 'z'.repeat(64 * 1024)
    for (let i = 0; i < 120; i++) await tide.publish('a', { data: `${i} ${data}` })
    client.socket.resume()
    await tide.publish('a', { data: 'end' })
    await client.until('data: end\n')
    const got = readChunked(client.text).map((event) => event.data.split(' ', 1)[0])
    expect(got).toEqual([...Array.from({ length: 120 }, (_, i) => String(i)), 'end'])
    client.socket.destroy()
  })
})

/** Takes chunked transfer coding apart strictly, and decodes the events that are no control events. */
function readChunked(text: string): { type: string; data: string }[] {
  const bytes = Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4))
  const events: { type: string; data: string }[] = []
  const decoder = createDecoder({ event: (event) => events.push(event) })
  let at = 0
  while (at < bytes.length) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const length = Number.parseInt(bytes.subarray(at, lineEnd).toString(), 16)
    expect(Number.isNaN(length), 'a chunk begins with its length').toBe(false)
    decoder.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + length))
    at = lineEnd + 2 + length + 2
  }
  return events.filter((event) => !event.type.startsWith('tidemark.'))
}

describe('refusals', () => {
  const eventSource = 'Accept: text/event-stream\r\n'
  const ours = 'Accept: text/event-stream, application/problem+json\r\n'

  test('a full node sends an EventSource away with a time to come back, as a 200 that ends', async () => {
    const { ask } = await start({ sessionsMax: 0 })
    const client = ask('/?topic=a', eventSource)
    await client.until('tidemark.bye')
    expect(client.text).toMatch(/^HTTP\/1\.1 200 /)
    expect(client.text).toMatch(/retry: \d{4,5}\n/)
    expect(client.text).toContain('"reason":"full"')
  })

  test('who is sent away from a full node does not hold a connection of it until he comes back', async () => {
    const { ask } = await start({ sessionsMax: 0 })
    for (const [accept, answer] of [
      [eventSource, 'tidemark.bye'],
      [ours, '"code":"FULL"'],
    ] as const) {
      const client = ask('/?topic=a', accept)
      await client.until(answer)
      expect(client.text).toContain('\r\nConnection: close\r\n')
    }
    const lasting = ask('/?topic=a/../b', ours)
    await lasting.until('"code":"TOPIC_INVALID"')
    expect(lasting.text).not.toContain('Connection: close')
  })

  test('a client refused before it had a cursor is given the one at which it was refused', async () => {
    const { tide, ask } = await start({ sessionsMax: 0 })
    const { cursor } = await tide.publish('a', { data: 'before' })
    await expect.poll(() => tide.liveCursor).toBe(cursor)
    const fresh = ask('/?topic=a', eventSource)
    await fresh.until('tidemark.bye')
    expect(fresh.text).toContain(`id: ${cursor}\n`)
    for (const query of ['/?topic=a&since=earliest', `/?topic=a&lastEventId=${cursor}`]) {
      const other = ask(query, eventSource)
      await other.until('tidemark.bye')
      expect(other.text, query).not.toContain('id: ')
    }
  })

  test('a full node answers others with 503, Retry-After and a problem', async () => {
    const { ask } = await start({ sessionsMax: 0 })
    for (const accept of [ours, 'Accept: */*\r\n', '']) {
      const client = ask('/?topic=a', accept)
      await client.until('"code":"FULL"')
      expect(client.text).toMatch(/^HTTP\/1\.1 503 /)
      expect(client.text).toMatch(/Retry-After: \d+\r\n/)
    }
  })

  test('a request that can never succeed is a status for everybody', async () => {
    const { ask } = await start()
    const client = ask('/?topic=a/../b', eventSource)
    await client.until('"code":"TOPIC_INVALID"')
    expect(client.text).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('a cursor that cannot be read is a gap, never a status', async () => {
    const { ask } = await start()
    for (const cursor of [
      'garbage',
      '1',
      '%00',
      '1abcdefghijklmno0000-zzzzzzzzzzzzzzzz',
      'ÿ'.repeat(50),
    ]) {
      const client = ask('/?topic=a', `Last-Event-ID: ${cursor}\r\n${eventSource}`)
      await client.until('event: tidemark.gap')
      expect(client.text).toContain('"resumed":"gap"')
      expect(client.text).toContain('"from":null')
      client.socket.destroy()
    }
  })

  test('a stream that drains says so and when to come back', async () => {
    const { tide, ask } = await start()
    const client = ask('/?topic=a')
    await client.until('tidemark.ready')
    await tide.drain()
    await client.until('"reason":"draining"')
    await client.until('0\r\n\r\n')
    expect(client.text).toMatch(/retry: \d{4,5}\n/)
    const late = ask('/?topic=a', eventSource)
    await late.until('"reason":"draining"')
  })
})

describe('a stream asked for behind a request that is still being answered', () => {
  async function startBusy() {
    const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
    const waiting: (() => void)[] = []
    const server = await serve((request, response) => {
      if (request.url === '/slow') waiting.push(() => response.end('done'))
      else void tide.subscribe(request, response)
    })
    const client = sendRaw(server.port, get('/slow') + get('/?topic=a'))
    await expect.poll(() => waiting.length).toBe(1)
    return { tide, server, client, answer: () => waiting.forEach((go) => go()) }
  }

  test('begins when its turn has come', async () => {
    const { tide, server, client, answer } = await startBusy()
    expect(tide.sessionCount).toBe(0)
    answer()
    await client.until('tidemark.ready')
    await tide.publish('a', { data: 'heard' })
    await client.until('data: heard')
    client.socket.destroy()
    await expect.poll(() => tide.sessionCount).toBe(0)
    await server.close()
  })

  test.each(['destroy', 'resetAndDestroy'] as const)(
    'leaves no session behind when the client is gone before that (%s)',
    async (leave) => {
      const { tide, server, client } = await startBusy()
      client.socket[leave]()
      await expect.poll(() => server.connections()).toBe(0)
      expect(await tide.publish('a', { data: 'nobody' })).toMatchObject({ sessions: 0 })
      expect(tide.sessionCount).toBe(0)
      await server.close()
    },
  )
})

describe('an application that reads the body itself', () => {
  const post = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'

  async function startReading(readBody: () => Promise<unknown>): Promise<{
    readonly tide: Tidemark
    readonly client: RawClient
    readonly faults: unknown[]
  }> {
    const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
    const faults: unknown[] = []
    const server = await serve((request, response) => {
      tide.subscribe(request, response, { readBody }).catch((error: unknown) => {
        faults.push(error)
        response.writeHead(418).end('mine')
      })
    })
    open.push({ tide, server })
    return { tide, client: sendRaw(server.port, post), faults }
  }

  test('opens a stream by what it has read', async () => {
    const { client } = await startReading(async () => ({ topics: ['a'] }))
    await client.until('tidemark.ready')
  })

  test('answers what its reader throws, to a response that nobody has begun', async () => {
    const fault = new Error('too large for me')
    const { tide, client, faults } = await startReading(async () => {
      throw fault
    })
    await client.until('mine')
    expect(client.text).toMatch(/^HTTP\/1\.1 418 /)
    expect(faults).toEqual([fault])
    expect(tide.sessionCount).toBe(0)
  })

  test('leaves to the door what is wrong with what it has read', async () => {
    const { client, faults } = await startReading(async () => ({ topics: ['a/../b'] }))
    await client.until('TOPIC_INVALID')
    expect(client.text).toMatch(/^HTTP\/1\.1 400 /)
    expect(faults).toEqual([])
  })
})
