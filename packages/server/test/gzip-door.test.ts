// Compressed streams over real connections: who gets one, who does not, and that nothing waits for the end.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createGunzip } from 'node:zlib'
import { memoryLog } from '@tidemark/log'
import { afterEach, expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { TidemarkOptions } from '../src/index.ts'
import type { SubscribeOptions } from '../src/node/index.ts'
import { serve } from './support/node-server.ts'
import type { NodeServer } from './support/node-server.ts'

const servers: NodeServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function start(options: Partial<TidemarkOptions> = {}, way: SubscribeOptions = {}) {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog(), ...options })
  const server = await serve((request, response) => void tide.subscribe(request, response, way))
  servers.push(server)
  return { tide, port: server.port }
}

async function get(port: number, accepted: string): Promise<IncomingMessage> {
  const request = httpRequest({
    port,
    path: '/?topic=a',
    headers: { 'Accept-Encoding': accepted, Connection: 'close' },
  }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

/** Collects a stream as text; `until` resolves once a part of it can be read. */
function read(stream: NodeJS.ReadableStream) {
  let text = ''
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return {
    until: (part: string) => expect.poll(() => text).toContain(part),
    get text() {
      return text
    },
  }
}

test.each([
  ['straight to the socket', {}],
  ['through the response', { way: 'response' }],
] as const)('a compressed stream shows each event at once and ends whole: %s', async (_, way) => {
  const { tide, port } = await start({}, way)
  const response = await get(port, 'gzip, deflate, br')
  expect(response.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
  const decoded = read(response.pipe(createGunzip()))
  await decoded.until('event: tidemark.ready')
  await tide.publish('a', { data: 'small' })
  await decoded.until('data: small\n\n')
  await tide.publish('a', { data: 'large '.repeat(1_000) })
  await decoded.until(`data: ${'large '.repeat(1_000)}\n\n`)
  void tide.close()
  // A decoder that misses the last block or its checksum ends with an error instead.
  await once(response, 'end')
  await decoded.until('event: tidemark.bye')
})

test.each([
  ['who does not ask', {}, 'identity'],
  ['who refuses it', {}, 'gzip;q=0, *'],
  ['anyone, when it is turned off', { compression: false }, 'gzip'],
])('a stream is plain for %s', async (_, options, accepted) => {
  const { tide, port } = await start(options)
  const response = await get(port, accepted)
  expect(response.headers['content-encoding']).toBeUndefined()
  const plain = read(response)
  await tide.publish('a', { data: 'plain' })
  await plain.until('data: plain\n\n')
  response.destroy()
})

test('middleware that wrapped the response compresses itself, or not: nothing is compressed twice', async () => {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const server = await serve((request, response) => {
    const write = response.write.bind(response)
    response.write = ((chunk: Uint8Array) => write(chunk)) as typeof response.write
    void tide.subscribe(request, response)
  })
  servers.push(server)
  const response = await get(server.port, 'gzip')
  expect(response.headers['content-encoding']).toBeUndefined()
  const plain = read(response)
  await plain.until('event: tidemark.ready')
  response.destroy()
})

test('plain and compressed sessions share one audience', async () => {
  const { tide, port } = await start()
  const [packed, plain] = await Promise.all([get(port, 'gzip'), get(port, 'identity')])
  const texts = [read(packed.pipe(createGunzip())), read(plain)]
  for (const text of texts) await text.until('tidemark.ready')
  const events = Array.from({ length: 200 }, (_, i) => ({ topic: 'a', data: `event ${i}` }))
  for (const event of events) await tide.publishAll([event])
  for (const text of texts) {
    await text.until('data: event 199\n')
    const found = [...text.text.matchAll(/data: event (\d+)\n/g)].map((match) => Number(match[1]))
    expect(found).toEqual(events.map((_event, i) => i))
  }
  packed.destroy()
  plain.destroy()
})

test('curl --compressed -N shows each event at once', async () => {
  const { tide, port } = await start()
  const url = `http://127.0.0.1:${port}/?topic=a`
  const curl = spawn('curl', ['-sNi', '--compressed', url])
  const shown = read(curl.stdout)
  await shown.until('tidemark.ready')
  expect(shown.text).toContain('Content-Encoding: gzip')
  for (const data of ['one', 'two '.repeat(500), 'three']) {
    await tide.publish('a', { data })
    await shown.until(`data: ${data}\n\n`)
  }
  const ended = once(curl, 'close')
  await tide.close()
  const [code] = await ended
  expect(code).toBe(0)
})
