// Request, response and socket of an open stream, for an application that asks or listens late. They are
// compared with those of a stream that the application writes itself: events, their order on one object, and
// states.

import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { finished } from 'node:stream'
import { memoryLog } from '@tidemark/log'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'
import { collectGarbage } from './support/collect.ts'
import { get, sendRaw } from './support/node-server.ts'
import type { RawClient } from './support/node-server.ts'
import { settle } from './support/settle.ts'

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

interface Started {
  readonly tide: Tidemark
  readonly client: RawClient
  readonly held: { exchange: Exchange | undefined }
  readonly server: { closeAllConnections(): void }
  /** Ends the stream from the server's side. */
  readonly end: () => unknown
}

/** `ours` takes the connection; `theirs` is what any handler without a library does. */
async function start(
  kind: 'ours' | 'theirs',
  request: string = get('/?topic=a'),
): Promise<Started> {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const held: { exchange: Exchange | undefined } = { exchange: undefined }
  const server = createServer((incoming, response) => {
    held.exchange = { request: incoming, response }
    if (kind === 'ours') void tide.subscribe(incoming, response)
    else response.writeHead(200, { Connection: 'close' }).write('tidemark.ready')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    await tide.close()
    server.closeAllConnections()
    server.close()
  })
  const client = sendRaw((server.address() as AddressInfo).port, request)
  await client.until('tidemark.ready')
  // The connection is taken in a later turn, and what nobody holds of it goes.
  await (kind === 'ours' ? collectGarbage() : settle(5))
  const end = (): unknown =>
    kind === 'ours' ? tide.close() : held.exchange?.response.end('tidemark.bye')
  return { tide, client, held, server, end }
}

/** Notes what an object says, and how often. */
function note(lines: string[], name: string, emitter: EventEmitter): void {
  for (const event of ['aborted', 'end', 'finish', 'error', 'close'])
    emitter.on(event, () => lines.push(`${name} ${event}`))
}

function describeStates({ request, response }: Exchange): object {
  return {
    request: {
      aborted: request.aborted,
      destroyed: request.destroyed,
      closed: request.closed,
      errored: request.errored?.message,
    },
    response: {
      destroyed: response.destroyed,
      closed: response.closed,
      writableEnded: response.writableEnded,
      writableFinished: response.writableFinished,
      headersSent: response.headersSent,
      statusCode: response.statusCode,
    },
    socket: { destroyed: request.socket.destroyed, writable: request.socket.writable },
  }
}

/** Listens late, lets something happen, and returns all that was said. */
async function observe(
  kind: 'ours' | 'theirs',
  happen: (started: Started, exchange: Exchange) => unknown,
  request?: string,
): Promise<object> {
  const started = await start(kind, request)
  const { exchange } = started.held
  if (exchange === undefined) throw new Error('There was no request.')
  const before = describeStates(exchange)
  const lines: Record<string, string[]> = { request: [], response: [], socket: [], finished: [] }
  note(lines['request'] ?? [], 'request', exchange.request)
  note(lines['response'] ?? [], 'response', exchange.response)
  note(lines['socket'] ?? [], 'socket', exchange.request.socket)
  const noteFinished = (name: string) => (error?: Error | null) =>
    lines['finished']?.push(`${name} ${error?.message ?? 'well'}`)
  finished(exchange.response, noteFinished('response'))
  finished(exchange.request, noteFinished('request'))
  await happen(started, exchange)
  await expect.poll(() => exchange.request.socket.destroyed).toBe(true)
  for (let turn = 0; turn < 5; turn++) await settle()
  for (const each of Object.values(lines)) each.sort()
  return { before, lines, after: describeStates(exchange) }
}

const happenings: readonly (readonly [
  string,
  (started: Started, exchange: Exchange) => unknown,
])[] = [
  ['the client leaves', ({ client }) => client.socket.destroy()],
  ['the client is reset', ({ client }) => client.socket.resetAndDestroy()],
  ['the client closes its half', ({ client }) => client.socket.end()],
  ['the server ends the stream', ({ end }) => end()],
  ['the server closes all connections', ({ server }) => server.closeAllConnections()],
  ['the application ends the response', (_, { response }) => response.end('bye')],
  ['the application destroys the response', (_, { response }) => response.destroy()],
  ['the application destroys the request', (_, { request }) => request.destroy()],
  ['the application destroys the socket', (_, { request }) => request.socket.destroy()],
  ['the application ends the socket', (_, { request }) => request.socket.end()],
]

describe('late listeners and states are those of any response', () => {
  test.each(happenings)('when %s', async (_, happen) => {
    expect(await observe('ours', happen)).toEqual(await observe('theirs', happen))
  })

  test.each(happenings)('over HTTP/1.0, when %s', async (_, happen) => {
    const request = 'GET /?topic=a HTTP/1.0\r\n\r\n'
    expect(await observe('ours', happen, request)).toEqual(await observe('theirs', happen, request))
  })
})

test('without any listener the states turn true when the client leaves', async () => {
  const { client, held, tide } = await start('ours')
  client.socket.destroy()
  await expect.poll(() => tide.sessionCount).toBe(0)
  await settle()
  expect(held.exchange?.response.destroyed).toBe(true)
  expect(held.exchange?.request.destroyed).toBe(true)
  expect(held.exchange?.request.aborted).toBe(true)
})

test('the socket says where the client is', async () => {
  const { client, held } = await start('ours')
  const { socket } = held.exchange?.request ?? {}
  expect(socket?.remoteAddress).toBe('127.0.0.1')
  expect(socket?.remotePort).toBe(client.socket.localPort)
  expect(held.exchange?.response.socket).toBe(socket)
})

test.each(['response', 'request', 'socket'] as const)(
  'a time limit that is set late on the %s is told as on any response, and events count as life',
  async (which) => {
    const outcomes: (readonly [number, boolean])[] = []
    for (const kind of ['ours', 'theirs'] as const) {
      const { held, tide, client } = await start(kind)
      if (held.exchange === undefined) throw new Error('There was no request.')
      const { request, response } = held.exchange
      const { socket } = request
      let timeouts = 0
      const emitter = { request, response, socket }[which]
      emitter.setTimeout(60_000, () => (timeouts += 1))
      // Node's timer starts anew with what is written through the socket, and with nothing else.
      const write = vi.spyOn(socket, 'write')
      if (kind === 'ours') await tide.publish('a', { data: 'one' })
      else response.write('data: one\n\n')
      await client.until('data: one\n')
      expect(write).toHaveBeenCalled()
      socket.emit('timeout')
      outcomes.push([timeouts, socket.destroyed])
    }
    expect(outcomes[0]).toEqual(outcomes[1])
  },
)

test('`drain` comes after a late write that was too much for the socket', async () => {
  const { held, client } = await start('ours')
  if (held.exchange === undefined) throw new Error('There was no request.')
  const { response } = held.exchange
  client.socket.pause()
  while (response.write(`: ${'x'.repeat(64 * 1024)}\n\n`));
  const drained = once(response, 'drain')
  client.socket.resume()
  await drained
})

describe('an exchange that the application', () => {
  test('does not keep is gone while its stream lives', async () => {
    const { held, tide } = await start('ours')
    const response = new WeakRef(held.exchange?.response ?? {})
    const request = new WeakRef(held.exchange?.request ?? {})
    held.exchange = undefined
    await collectGarbage()
    expect([response.deref(), request.deref()]).toEqual([undefined, undefined])
    expect(tide.sessionCount).toBe(1)
  })

  test.each(['request', 'response'] as const)(
    'only listens to (%s) is kept, and tells of the close once',
    async (which) => {
      const { held, client } = await start('ours')
      let closes = 0
      held.exchange?.[which].on('close', () => (closes += 1))
      held.exchange = undefined
      await collectGarbage()
      expect(closes).toBe(0)
      client.socket.destroy()
      await expect.poll(() => closes).toBe(1)
      await collectGarbage()
      expect(closes).toBe(1)
    },
  )

  test('keeps half of is whole', async () => {
    const { held, client } = await start('ours')
    let request = held.exchange?.request
    held.exchange = undefined
    await collectGarbage()
    let closes = 0
    request?.socket.on('close', () => (closes += 1))
    request?.destroy()
    request = undefined
    await once(client.socket, 'close')
    expect(closes).toBe(1)
  })

  test('has dropped ends all the same as one that is kept', async () => {
    const texts: string[] = []
    for (const isKept of [true, false]) {
      const { held, client, tide } = await start('ours')
      if (!isKept) held.exchange = undefined
      await collectGarbage()
      await tide.close()
      await expect.poll(() => client.socket.destroyed).toBe(true)
      expect(held.exchange?.response.writableFinished ?? true).toBe(true)
      texts.push(client.text.slice(client.text.indexOf('event: tidemark.bye')))
    }
    const [kept, dropped] = texts.map((text) => text.replaceAll(/\d{4,}/g, 'n'))
    expect(kept).toBe(dropped)
    expect(kept).toMatch(/\r\n0\r\n\r\n$/)
  })
})
