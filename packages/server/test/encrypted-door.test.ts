// HTTP/1.1 over TLS: Node encrypts what it is given at once, so large blocks go out in slices. None of that
// may do harm.

import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request as requestHttps } from 'node:https'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import { memoryLog } from '@tidemark/log'
import { collectGarbage, makeCertificate } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { Block } from '../src/hub/index.ts'
import type { Sink } from '../src/hub/index.ts'
import { encryptedSliceBytes, eventBytesMax, writeBytesMax } from '../src/limits.ts'
import { compressGzip } from '../src/node/gzip-sink.ts'
import { openSink } from '../src/node/open-sink.ts'
import { get } from './support/node-server.ts'
import { settle } from './support/settle.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

async function serve(handler: Handler): Promise<{ server: Server; port: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-tls-'))
  const { cert, key } = await makeCertificate(directory)
  const options = { cert: await readFile(cert), key: await readFile(key) }
  const server = createServer(options, handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await rm(directory, { recursive: true })
  })
  return { server, port: (server.address() as AddressInfo).port }
}

/** A client that sends a request and reads nothing behind the first bytes of the answer. */
async function stall(port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  socket.write(get('/?topic=a'))
  await once(socket, 'data')
  socket.pause()
  return socket
}

test('TLS clients that read nothing of a large event hold a slice of it each, not an encrypted copy', async () => {
  const tide = createTidemark({
    authorize: 'everyone',
    log: memoryLog({ retention: { maxBytes: 2 * eventBytesMax } }),
  })
  onTestFinished(() => tide.close())
  const { port } = await serve((request, response) => void tide.subscribe(request, response))
  const clients = 300
  for (let i = 0; i < clients; i++) await stall(port)
  const reader = await read(port, false)
  await expect.poll(() => tide.sessionCount).toBe(clients + 1)
  collectGarbage()
  const before = process.memoryUsage().rss
  // The system takes the first of them.
  for (let i = 0; i < 8; i++) {
    await tide.publish('a', { data: `${i} `.padEnd(eventBytesMax, 'x') })
    await expect.poll(() => reader.bytes).toBeGreaterThan((i + 1) * eventBytesMax)
  }
  collectGarbage()
  // Encrypted copies would be 300 MiB. Slices, what is around them, and the events themselves are about 90.
  expect(process.memoryUsage().rss - before).toBeLessThan(180 * 2 ** 20)
  expect(tide.sessionCount).toBe(clients + 1)
})

interface Reader {
  readonly bytes: number
  readonly text: string
  readonly body: Buffer
  readonly message: IncomingMessage
  /** Resolves to whether the body came to its proper end. */
  readonly ended: Promise<boolean>
}

/** A client that reads, by Node's own parser, which is strict about chunks. */
async function read(port: number, isKept = true): Promise<Reader> {
  const asked = requestHttps({
    port,
    path: '/?topic=a',
    rejectUnauthorized: false,
    agent: false,
  })
  asked.on('error', () => undefined)
  onTestFinished(() => void asked.destroy())
  asked.end()
  const [message] = (await once(asked, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  let bytes = 0
  message.on('data', (chunk: Buffer) => {
    if (isKept) chunks.push(chunk)
    bytes += chunk.length
  })
  message.on('error', () => undefined)
  const ended = new Promise<boolean>((resolve) =>
    message.once('close', () => resolve(message.complete)),
  )
  return {
    get bytes() {
      return bytes
    },
    get text() {
      return Buffer.concat(chunks).toString()
    },
    get body() {
      return Buffer.concat(chunks)
    },
    message,
    ended,
  }
}

test('events of any length arrive whole and in order over TLS', async () => {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  onTestFinished(() => tide.close())
  const { port } = await serve((request, response) => void tide.subscribe(request, response))
  const readers = await Promise.all([1, 2, 3].map(() => read(port)))
  const lengths = [1, encryptedSliceBytes - 100, encryptedSliceBytes, encryptedSliceBytes + 1]
  const sent = [...lengths, eventBytesMax - 10, 10, 3 * encryptedSliceBytes].map((length, i) =>
    `${i} ${length > 10 ? 'grüße 🌊 ' : ''}`.padEnd(length, 'abc'),
  )
  await Promise.all(sent.map((data) => tide.publish('a', { data })))
  await tide.publish('a', { data: 'end' })
  for (const reader of readers) await expect.poll(() => reader.text.endsWith('end\n\n')).toBe(true)
  for (const { text } of readers)
    expect([...text.matchAll(/^data: (?!\{)(.*)$/gm)].map(([, data]) => data)).toEqual([
      ...sent,
      'end',
    ])
})

interface Opened {
  readonly sink: Sink
  readonly response: ServerResponse
  readonly reader: Reader
  readonly heard: readonly string[]
}

const hello = Block.fromText('hello\n')
const large = Block.fromText(`${'z'.repeat(eventBytesMax)}\n`)

/** A stream whose client reads, and which has begun. */
async function open({ isGzip = false } = {}): Promise<Opened> {
  const heard: string[] = []
  const { port, opened } = await (async () => {
    let tell: (opened: Omit<Opened, 'reader'>) => void = () => undefined
    const opened = new Promise<Omit<Opened, 'reader'>>((resolve) => (tell = resolve))
    const { port } = await serve((_request, response) => {
      const compress = isGzip ? compressGzip : undefined
      const sink = openSink(response, { way: 'auto', compress })
      sink.listen({ drained: () => heard.push('drained'), closed: () => heard.push('closed') })
      sink.write(hello)
      tell({ sink, response, heard })
    })
    return { port, opened }
  })()
  const reader = await read(port)
  return { ...(await opened), reader }
}

// Acts in the turn of a large write come in the midst of the block: one slice of it is out.
describe('in the midst of a large block', () => {
  const whole = `hello\n${'z'.repeat(eventBytesMax)}\n`

  test('a response that the application ends has its block and its last chunk', async () => {
    const { sink, response, reader, heard } = await open()
    expect(sink.write(large)).toBe(false)
    response.end()
    expect(response.writableEnded).toBe(true)
    // Nothing comes behind the end.
    expect(sink.write(hello)).toBe(false)
    expect(await reader.ended).toBe(true)
    expect(reader.text === whole).toBe(true)
    await expect.poll(() => heard.at(-1)).toBe('closed')
  })

  test('what the application writes comes behind the block, and it hears of drain', async () => {
    const { sink, response, reader } = await open()
    sink.write(large)
    const done: unknown[] = []
    response.cork()
    response.write('own 1\n', (error) => done.push(error))
    response.uncork()
    const drained = once(response, 'drain')
    expect(response.write('own 2\n')).toBe(false)
    sink.write(hello)
    await drained
    await expect.poll(() => done.length).toBe(1)
    expect(done[0] ?? undefined).toBeUndefined()
    response.end('last\n')
    expect(await reader.ended).toBe(true)
    expect(reader.text.startsWith(whole)).toBe(true)
    expect(reader.text.slice(whole.length).split('\n').toSorted()).toEqual([
      '',
      'hello',
      'last',
      'own 1',
      'own 2',
    ])
  })

  test('a response that is destroyed shows a body that was cut, and no end', async () => {
    const { sink, response, reader, heard } = await open()
    sink.write(large)
    const done = new Promise((resolve) => response.write('own\n', resolve))
    response.end()
    response.destroy()
    expect(await reader.ended).toBe(false)
    expect(await done).toMatchObject({ code: 'ERR_STREAM_DESTROYED' })
    await expect.poll(() => heard).toEqual(['closed'])
    expect(sink.bytesWaiting).toBe(0)
  })

  test.each([false, true])('goodbye and end come behind it (gzip: %s)', async (isGzip) => {
    const { sink, reader } = await open({ isGzip })
    // Gzip makes little of what repeats itself.
    const text = Array.from({ length: 100_000 }, (_, i) => (i * 2_654_435_761).toString(36)).join(
      ' ',
    )
    expect(sink.write(Block.fromText(text))).toBe(false)
    sink.write(Block.fromText('bye\n'))
    sink.end()
    expect(await reader.ended).toBe(true)
    const body = isGzip ? gunzipSync(reader.body).toString() : reader.text
    expect(body === `hello\n${text}bye\n`).toBe(true)
  })

  test('the whole of it counts as waiting, and the session hears of it once', async () => {
    const { sink, response, reader, heard } = await open()
    reader.message.pause()
    const { socket } = response
    while (sink.write(large)) await settle()
    expect(sink.bytesWaiting).toBeGreaterThan(eventBytesMax - encryptedSliceBytes)
    expect(socket?.writableLength).toBeLessThanOrEqual(2 * writeBytesMax)
    expect(heard).toEqual([])
    reader.message.resume()
    await expect.poll(() => heard).toEqual(['drained'])
    expect(sink.bytesWaiting).toBeLessThanOrEqual(writeBytesMax)
    sink.end()
    expect(await reader.ended).toBe(true)
    expect(reader.text === whole).toBe(true)
  })
})
