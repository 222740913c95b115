// Compressed streams of the Fetch API's door: the same pieces as in the Node door, read by real decoders.

import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGunzip, deflateRawSync, gunzipSync } from 'node:zlib'
import type * as zlib from 'node:zlib'
import { serve as serveHono } from '@hono/node-server'
import { memoryLog } from '@tidemark/log'
import { Hono } from 'hono'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { FetchOptions, Tidemark, TidemarkOptions } from '../src/index.ts'
import { createTidemark as createFetchTidemark } from '../src/fetch/index.ts'
import { fetchChunkBytes } from '../src/limits.ts'
import { FetchClient } from './support/fetch-client.ts'
import { serve } from './support/node-server.ts'
import { expectExactlyOnce } from './support/returning-readers.ts'
import { settle } from './support/settle.ts'

vi.mock('node:zlib', async (importOriginal) => {
  const original = await importOriginal<typeof zlib>()
  return { ...original, deflateRawSync: vi.fn<typeof deflateRawSync>(original.deflateRawSync) }
})

afterEach(() => vi.mocked(deflateRawSync).mockClear())

const site = 'http://localhost/events?topic=a'
const gzip = { headers: { 'Accept-Encoding': 'gzip, deflate, br' } }
const packed: FetchOptions = { compression: true }

function start(options: Partial<TidemarkOptions> = {}): Tidemark {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog(), ...options })
  onTestFinished(() => tide.close())
  return tide
}

/** A compressed answer as its reader sees it behind a decoder, which pulls only when it is read. */
function decode(response: Response): FetchClient {
  const { body, headers } = response
  if (body === null) throw new Error('The response has no body.')
  const reader = body.getReader()
  const parts: Buffer[] = []
  const gunzip = createGunzip().on('data', (part: Buffer) => parts.push(part))
  let isCancelled = false
  const decoded = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const { value, done } = await reader.read()
        if (done) {
          controller.close()
          return
        }
        await new Promise((resolve) => gunzip.write(value, resolve))
        // It may have been cancelled while it was decoded.
        if (!isCancelled) controller.enqueue(new Uint8Array(Buffer.concat(parts.splice(0))))
      },
      cancel() {
        isCancelled = true
        return reader.cancel()
      },
    },
    { highWaterMark: 0 },
  )
  return new FetchClient(new Response(decoded, { headers }))
}

async function readWhole(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer())
}

test('a stream for who accepts gzip says that it is compressed, and shows each event at once', async () => {
  const tide = start()
  const response = await tide.fetch(new Request(site, gzip), packed)
  expect(Object.fromEntries(response.headers)).toEqual({
    'content-type': 'text/event-stream; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    'content-encoding': 'gzip',
    vary: 'Accept-Encoding',
  })
  const client = decode(response)
  await client.untilType('tidemark.ready')
  const sent = ['small', 'large '.repeat(20_000), 'grüße 🌊']
  for (const data of sent) {
    await tide.publish('a', { data })
    await client.untilData(data)
  }
  expect(client.published).toEqual(sent)
})

test('a compressed stream ends with a trailer that strict decoders accept', async () => {
  const tide = start()
  const response = await tide.fetch(new Request(site, gzip), packed)
  for (const data of ['one', 'two '.repeat(500)]) await tide.publish('a', { data })
  const whole = readWhole(response)
  await tide.close()
  expect(gunzipSync(await whole).toString()).toMatch(
    /^[^]*event: tidemark.ready\n[^]*data: one\n\n[^]*data: (two ){500}\n\n[^]*event: tidemark.bye\n[^]*\n\n$/,
  )
})

test('a block is compressed once for many sessions of both doors', async () => {
  const tide = start()
  const server = await serve((request, response) => void tide.subscribe(request, response))
  onTestFinished(() => server.close())
  const request = httpRequest({ port: server.port, path: '/?topic=a', ...gzip }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  response.pipe(createGunzip()).on('data', (chunk: Buffer) => (text += chunk.toString()))
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => tide.fetch(new Request(site, gzip), packed)),
  )
  const clients = answers.map(decode)
  for (const client of clients) await client.untilType('tidemark.ready')
  vi.mocked(deflateRawSync).mockClear()
  const data = 'shared '.repeat(1_000)
  await tide.publish('a', { data })
  for (const client of clients) await client.untilData(data)
  await expect.poll(() => text).toContain(`data: ${data}\n\n`)
  expect(deflateRawSync).toHaveBeenCalledTimes(1)
  response.destroy()
})

test('what a reader does to its compressed chunks takes nothing from others', async () => {
  const tide = start()
  const mover = (await tide.fetch(new Request(site, gzip), packed)).body?.getReader()
  const other = decode(await tide.fetch(new Request(site, gzip), packed))
  for (const data of ['one '.repeat(100), 'two '.repeat(100)]) {
    await tide.publish('a', { data })
    const chunk = (await mover?.read())?.value
    if (chunk !== undefined) structuredClone(chunk, { transfer: [chunk.buffer] })
    await other.untilData(data)
  }
})

interface Plain {
  readonly accepted?: string
  readonly options?: Partial<TidemarkOptions>
  readonly fetchOptions?: FetchOptions
}

test.each<[string, Plain]>([
  ['who does not ask', {}],
  ['who refuses it', { accepted: 'gzip;q=0, *' }],
  ['who likes it less', { accepted: 'gzip;q=0.2, identity' }],
  ['anyone, when it is turned off', { accepted: 'gzip', options: { compression: false } }],
  ['a request for which nobody asked', { accepted: 'gzip', fetchOptions: {} }],
])('a stream is plain for %s', async (_, { accepted, options, fetchOptions = packed }) => {
  const tide = start(options)
  const headers: HeadersInit = accepted === undefined ? {} : { 'Accept-Encoding': accepted }
  const client = new FetchClient(await tide.fetch(new Request(site, { headers }), fetchOptions))
  expect(client.response.headers.has('content-encoding')).toBe(false)
  await tide.publish('a', { data: 'plain' })
  await client.untilData('plain')
})

test('a node without `node:zlib` sends plain streams, whoever accepts gzip', async () => {
  const tide = createFetchTidemark({ log: memoryLog() })
  onTestFinished(() => tide.close())
  const client = new FetchClient(await tide.fetch(new Request(site, gzip), packed))
  expect(client.response.headers.has('content-encoding')).toBe(false)
  await client.untilType('tidemark.ready')
})

test('a refusal is plain', async () => {
  const tide = start({ sessionsMax: 0 })
  const answers = [gzip.headers, { ...gzip.headers, Accept: 'text/event-stream' }].map((headers) =>
    tide.fetch(new Request(site, { headers }), packed),
  )
  for (const response of await Promise.all(answers)) {
    expect(response.headers.has('content-encoding')).toBe(false)
    expect(await response.text()).toMatch(/FULL|tidemark\.bye/)
  }
})

test('a reader that does not read compressed bytes costs a constant, and gets everything once it reads', async () => {
  const tide = start()
  const response = await tide.fetch(new Request(site, gzip), packed)
  // Text that gzip makes little smaller, so that the limit is reached.
  const noise = (length: number): string =>
    Buffer.from(crypto.getRandomValues(new Uint8Array(length))).toString('base64')
  const sent = Array.from({ length: 250 }, (_, i) => `${i} ${noise(6_000)}`)
  for (const data of sent) await tide.publish('a', { data })
  for (let turn = 0; turn < 20; turn++) await settle()
  const reader = response.body?.getReader()
  const first = (await reader?.read())?.value ?? new Uint8Array()
  expect(first.length).toBe(fetchChunkBytes)
  const gunzip = createGunzip()
  let text = ''
  gunzip.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const push = (chunk: Uint8Array | undefined): Promise<void> =>
    new Promise((resolve) => gunzip.write(chunk, () => resolve()))
  await push(first)
  const last = `data: ${sent.at(-1) ?? ''}\n`
  while (!text.includes(last)) await push((await reader?.read())?.value)
  expect([...text.matchAll(/^data: (\d+ \S+)$/gm)].map((match) => match[1])).toEqual(sent)
})

test.each(Array.from({ length: 4 }, (_, seed) => seed))(
  'readers of compressed streams that pause, cancel and come back get everything exactly once (seed %i)',
  async (seed) => {
    const tide = start()
    await expectExactlyOnce(tide, {
      seed,
      events: 300,
      async open(lastEventId) {
        const headers = { ...gzip.headers, 'Last-Event-ID': lastEventId }
        const request = new Request(`${site}&since=earliest`, { headers })
        const client = decode(await tide.fetch(request, packed))
        return { client, leave: () => client.cancel() }
      },
    })
  },
)

test('the platform’s own `fetch` reads a compressed stream through a framework, event by event', async () => {
  const tide = start()
  const app = new Hono()
  app.get('/events', (context) => tide.fetch(context.req.raw, packed))
  const server = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server
  if (!server.listening) await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const client = new FetchClient(await fetch(`http://127.0.0.1:${port}/events?topic=a`))
  expect(client.response.headers.get('content-encoding')).toBe('gzip')
  await client.untilType('tidemark.ready')
  for (const data of ['one', 'two '.repeat(20_000), 'three']) {
    await tide.publish('a', { data })
    await client.untilData(data)
  }
  await tide.close()
  await client.untilType('tidemark.bye')
  // A decoder that misses the last block or its checksum rejects.
  expect(await client.read()).toBeUndefined()
})
