// The request and response that an application has subscribed with, for as long as the stream lives. They do
// and tell the same as those of a stream that the application writes itself, on every way to the socket.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { constants, gunzipSync } from 'node:zlib'
import { memoryLog } from '@tidemark/log'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'
import { collectGarbage } from './support/collect.ts'
import { ask as askHttp2, connectHttp2, serveHttp2 } from './support/http2-server.ts'
import { get, sendRaw } from './support/node-server.ts'
import type { RawClient } from './support/node-server.ts'
import { settle } from './support/settle.ts'

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

type Prepare = (exchange: Exchange) => void

interface Running {
  readonly tide: Tidemark
  readonly client: RawClient
  /** Of the stream. Taken out, so that nobody holds it any more. */
  readonly takeExchange: () => Exchange
}

/** Another way for a stream to reach its client. */
interface Way {
  readonly name: string
  readonly prepare?: Prepare
  readonly headers?: string
  readonly isGzip?: boolean
}

function listen({ response }: Exchange): void {
  response.on('close', () => undefined)
}

function wrap({ response }: Exchange): void {
  const write = response.write.bind(response)
  response.write = ((chunk: Uint8Array) => write(chunk)) as ServerResponse['write']
}

const gzip = 'Accept-Encoding: gzip\r\n'
const ways: readonly Way[] = [
  { name: 'a connection that was taken' },
  { name: 'a connection that was taken, compressed', headers: gzip, isGzip: true },
  { name: 'a response that somebody listens to', prepare: listen },
  {
    name: 'a response that somebody listens to, compressed',
    prepare: listen,
    headers: gzip,
    isGzip: true,
  },
  { name: 'a response that middleware has wrapped', prepare: wrap },
]

async function start({
  prepare,
  headers = '',
  isGzip = false,
}: Partial<Way> = {}): Promise<Running> {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  let exchange: Exchange | undefined
  const server = createServer((request, response) => {
    exchange = { request, response }
    prepare?.(exchange)
    void tide.subscribe(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    await tide.close()
    server.closeAllConnections()
    server.close()
  })
  const client = sendRaw(
    (server.address() as AddressInfo).port,
    get('/?topic=a', headers),
    isGzip ? 'latin1' : 'utf8',
  )
  await client.until(isGzip ? '\r\n\r\n' : 'tidemark.ready')
  await expect.poll(() => tide.sessionCount).toBe(1)
  // The connection is taken in a later turn.
  await settle()
  return {
    tide,
    client,
    takeExchange() {
      const taken = exchange
      exchange = undefined
      if (taken === undefined) throw new Error('The exchange has been taken out before.')
      return taken
    },
  }
}

const acts: readonly (readonly [string, (exchange: Exchange) => void])[] = [
  ['ends the response', ({ response }) => void response.end()],
  ['destroys the response', ({ response }) => void response.destroy()],
  ['destroys the request', ({ request }) => void request.destroy()],
  ['destroys the socket of the request', ({ request }) => void request.socket.destroy()],
  ['destroys the socket of the response', ({ response }) => void response.socket?.destroy()],
]

/** The body of the answer as the client reads it, as far as it has arrived in whole chunks. */
function readBody(client: RawClient, isGzip: boolean | undefined): string {
  const { text } = client
  const whole = text.slice(text.indexOf('\r\n\r\n') + 4)
  const bytes = Buffer.from(whole, isGzip === true ? 'latin1' : 'utf8')
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) break
    const length = Number.parseInt(bytes.subarray(at, lineEnd).toString(), 16)
    expect(Number.isNaN(length), 'a chunk begins with its length').toBe(false)
    if (lineEnd + 2 + length > bytes.length) break
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + length))
    at = lineEnd + 2 + length + 2
  }
  const body = Buffer.concat(parts)
  const finishFlush = text.endsWith('\r\n0\r\n\r\n') ? constants.Z_FINISH : constants.Z_SYNC_FLUSH
  return (isGzip === true ? gunzipSync(body, { finishFlush }) : body).toString()
}

describe.each(ways)('of $name', (way) => {
  test.each(acts)('an application that %s gets nothing more sent', async (_, act) => {
    const { tide, client, takeExchange } = await start(way)
    const exchange = takeExchange()
    await tide.publish('a', { data: 'before' })
    await collectGarbage()
    act(exchange)
    const receipt = await tide.publish('a', { data: 'after the log-out' })
    await expect.poll(() => tide.sessionCount).toBe(0)
    exchange.request.socket.destroy()
    await expect.poll(() => client.socket.destroyed).toBe(true)
    expect(receipt.sessions).toBeLessThan(2)
    if (way.isGzip !== true) expect(client.text).not.toContain('after the log-out')
  })

  test('an application that ends the response ends the stream properly, behind what it writes last', async () => {
    const { tide, client, takeExchange } = await start(way)
    const { request, response } = takeExchange()
    await tide.publish('a', { data: 'before' })
    await settle()
    response.write(': from the application\n\n')
    response.end('event: over\ndata: logged out\n\n')
    await tide.publish('a', { data: 'after the log-out' })
    await expect.poll(() => client.text).toMatch(/\r\n0\r\n\r\n$/)
    request.socket.destroy()
    const body = readBody(client, way.isGzip)
    expect(body).toMatch(
      /data: before\n\n: from the application\n\nevent: over\ndata: logged out\n\n$/,
    )
    expect(response.writableEnded).toBe(true)
  })

  test('an application that writes beside the stream leaves it whole', async () => {
    const { tide, client, takeExchange } = await start(way)
    const { response } = takeExchange()
    for (let i = 0; i < 20; i++) {
      response.write(`: ${'x'.repeat(i * 1_000)}\n\n`)
      await tide.publish('a', { data: `${i} ${'z'.repeat(i * 1_000)}` })
      await settle()
    }
    // A client that is behind when a node closes gets the rest when it is back.
    const read = (): unknown => readBody(client, way.isGzip).match(/data: \d+ z*\n/g)
    await expect.poll(read).toHaveLength(20)
    await tide.close()
    await expect.poll(() => client.text).toMatch(/\r\n0\r\n\r\n$/)
    expect(read()).toHaveLength(20)
    client.socket.destroy()
  })
})

const http2Acts: readonly (readonly [string, (exchange: Http2Exchange) => void])[] = [
  ['ends the response', ({ response }) => void response.end()],
  ['destroys the response', ({ response }) => void response.destroy(new Error('logged out'))],
  ['destroys the request', ({ request }) => void request.destroy()],
  ['closes its stream', ({ response }) => response.stream.close()],
]

interface Http2Exchange {
  readonly request: Http2ServerRequest
  readonly response: Http2ServerResponse
}

describe.each(['', 'gzip'])('of a stream of HTTP/2 (accepting %j)', (encoding) => {
  test.each(http2Acts)('an application that %s gets nothing more sent', async (_, act) => {
    const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
    const exchanges: Http2Exchange[] = []
    const server = await serveHttp2((request, response) => {
      exchanges.push({ request, response })
      request.on('error', () => undefined)
      void tide.subscribe(request, response)
    })
    const session = connectHttp2(server.port)
    onTestFinished(async () => {
      session.destroy()
      await tide.close()
      await server.close()
    })
    const headers: Record<string, string> = encoding === '' ? {} : { 'accept-encoding': encoding }
    const client = askHttp2(session, '/?topic=a', headers)
    const chunks: Buffer[] = []
    client.stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(client.stream, 'response')
    await tide.publish('a', { data: 'before' })
    await collectGarbage()
    const [exchange] = exchanges
    if (exchange === undefined) throw new Error('There was no request.')
    act(exchange)
    await tide.publish('a', { data: 'after the log-out' })
    await expect.poll(() => tide.sessionCount).toBe(0)
    await expect.poll(() => client.stream.closed).toBe(true)
    const whole = Buffer.concat(chunks)
    // Cut off is all right here.
    const cut = { finishFlush: constants.Z_SYNC_FLUSH }
    const text = encoding === '' ? whole : gunzipSync(whole, cut)
    expect(text.toString()).toContain('data: before')
    expect(text.toString()).not.toContain('after the log-out')
  })

  test('an application that ends the response ends the stream properly, behind what it writes last', async () => {
    const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
    const exchanges: Http2Exchange[] = []
    const server = await serveHttp2((request, response) => {
      exchanges.push({ request, response })
      void tide.subscribe(request, response)
    })
    const session = connectHttp2(server.port)
    onTestFinished(async () => {
      session.destroy()
      await tide.close()
      await server.close()
    })
    const headers: Record<string, string> = encoding === '' ? {} : { 'accept-encoding': encoding }
    const client = askHttp2(session, '/?topic=a', headers)
    const chunks: Buffer[] = []
    client.stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(client.stream, 'response')
    await tide.publish('a', { data: 'before' })
    await settle()
    exchanges[0]?.response.write(': from the application\n\n')
    exchanges[0]?.response.end('data: logged out\n\n')
    await once(client.stream, 'end')
    const whole = Buffer.concat(chunks)
    expect((encoding === '' ? whole : gunzipSync(whole)).toString()).toMatch(
      /data: before\n\n: from the application\n\ndata: logged out\n\n$/,
    )
  })
})
