// Events that a server has compressed one by one, as a feed opens them.

import { gzipSync } from 'node:zlib'
import { collectGarbage, createRandom } from '@tidemark/testkit'
import { expect, test, vi } from 'vitest'
import { connect, createClient } from '../src/index.ts'
import type { FeedEvent } from '../src/index.ts'
import { openPacked } from '../src/open-packed.ts'
import { inflateSliceBytes } from '../src/limits.ts'
import { nextPhase, startServer, take } from './stream-server.ts'

const pack = (bytes: string | Uint8Array): string =>
  JSON.stringify({ encoding: 'gzip+base64', data: gzipSync(bytes).toString('base64') })

const packed = (id: string, text: string): string =>
  `id: ${id}\nencoding: gzip+base64\ndata: ${pack(text)}\n\n`

test('compressed events come out as they were published, and in their order among the others', async () => {
  const texts: string[] = []
  let stream = ''
  for (let i = 0; i < 60; i++) {
    const text = JSON.stringify({ i, pad: 'grüße 🌊 '.repeat(i % 7 === 0 ? 4_000 : i) })
    texts.push(text)
    stream += i % 3 === 0 ? packed(`c${i}`, text) : `id: c${i}\ndata: ${text}\n\n`
    if (i % 10 === 9) stream += `id: m${i}\n\n`
  }
  const server = await startServer((exchange) => exchange.stream(stream))
  const feed = connect(server.url, { topics: ['a'], compress: 'event' })
  const marks: string[] = []
  const events = (await take(feed, 60)).map((event) => {
    marks.push(event.id)
    return event
  })
  expect(events.map(({ text }) => text)).toEqual(texts)
  expect(events.map(({ data }) => data)).toEqual(texts.map((text) => JSON.parse(text) as unknown))
  expect(marks).toEqual(texts.map((_, i) => `c${i}`))
  expect(server.exchanges[0]?.query.get('compress')).toBe('event')
})

test('a cut behind a compressed event resumes from the place behind it, not from an older one', async () => {
  const server = await startServer(({ index, cut, stream }) => {
    if (index === 0) cut(`${packed('c1', 'one')}${packed('c2', 'two')}id: m2\n\n`)
    else stream('id: c3\ndata: three\n\n')
  })
  const feed = connect(server.url, { topics: ['a'], compress: 'event' })
  expect((await take(feed, 3)).map(({ data }) => data)).toEqual(['one', 'two', 'three'])
  expect(server.exchanges[1]?.cursor).toBe('m2')
})

test('every feed of a client asks for it, by URL and in a body', async () => {
  let body = ''
  const server = await startServer(({ request, stream }) => {
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => stream(packed('c1', 'opened')))
  })
  const client = createClient(server.url.replace('/events', ''), { compress: 'event' })
  expect((await take(client.feed(['a']), 1))[0]?.data).toBe('opened')
  const topics = Array.from({ length: 400 }, (_, i) => `orders/${i}/items`)
  expect((await take(client.feed(topics), 1))[0]?.data).toBe('opened')
  client.close()
  expect(JSON.parse(body)).toMatchObject({ compress: 'event' })
  expect(server.exchanges[0]?.query.get('compress')).toBe('event')
})

test('a runtime that can open nothing asks for nothing', async () => {
  const server = await startServer((exchange) => exchange.stream('data: x\n\n'))
  vi.stubGlobal('DecompressionStream', undefined)
  try {
    await take(connect(server.url, { topics: ['a'], compress: 'event' }), 1)
  } finally {
    vi.unstubAllGlobals()
  }
  expect(server.exchanges[0]?.query.has('compress')).toBe(false)
})

test('data that looks compressed without the field line is handed over as it is', async () => {
  const server = await startServer((exchange) => exchange.stream(`data: ${pack('forged')}\n\n`))
  const [event] = await take(connect(server.url, { topics: ['a'] }), 1)
  expect(event?.text).toBe(pack('forged'))
})

test.each([
  ['no JSON', 'H4sI'],
  ['no envelope', '7'],
  ['no base64', '{"data":"!"}'],
  ['no gzip', `{"data":"${btoa('plain text')}"}`],
  [
    'cut off',
    JSON.stringify({ data: gzipSync('x'.repeat(2_000)).subarray(0, -6).toString('base64') }),
  ],
])(
  'an event whose data is %s closes the feed with a code, after what came before it',
  async (_, data) => {
    const server = await startServer((exchange) =>
      exchange.stream(`id: c1\ndata: before\n\nid: c2\nencoding: gzip+base64\ndata: ${data}\n\n`),
    )
    const feed = connect(server.url, { topics: ['a'], compress: 'event' })
    const events: FeedEvent[] = []
    const run = (async () => {
      for await (const event of feed) events.push(event)
    })()
    await expect(run).rejects.toMatchObject({ code: 'STREAM_INVALID' })
    expect(events.map(({ data: one }) => one)).toEqual(['before'])
    expect(server.exchanges).toHaveLength(1)
  },
)

test('a bomb is given up at the limit of an event, whatever it would have become', async () => {
  const MiB = 1024 * 1024
  const bomb = pack(new Uint8Array(512 * MiB))
  expect(bomb.length).toBeLessThan(MiB)
  const before = collectGarbage()
  await expect(openPacked(bomb, MiB)).rejects.toMatchObject({
    code: 'STREAM_INVALID',
    message: expect.stringContaining('more than 1048576 characters') as string,
  })
  expect(collectGarbage() - before).toBeLessThan(8 * MiB)
  const server = await startServer((exchange) =>
    exchange.stream(`encoding: gzip+base64\ndata: ${bomb}\n\n`),
  )
  const feed = connect(server.url, { topics: ['a'], eventCharactersMax: MiB })
  expect((await nextPhase(feed, 'closed')).error).toMatchObject({ code: 'STREAM_INVALID' })
})

test('an event is opened slice by slice, and never further than a slice beyond the limit', async () => {
  const random = createRandom(7)
  let given = 0
  const { DecompressionStream: Original } = globalThis
  class Watched extends Original {
    constructor(format: CompressionFormat) {
      super(format)
      const { writable } = this
      const writer = writable.getWriter()
      Object.defineProperty(this, 'writable', {
        value: new WritableStream<Uint8Array<ArrayBuffer>>({
          write: (chunk) => {
            given += chunk.length
            return writer.write(chunk)
          },
          close: () => writer.close(),
          abort: (reason) => writer.abort(reason),
        }),
      })
    }
  }
  vi.stubGlobal('DecompressionStream', Watched)
  try {
    const text = Array.from({ length: 2_000_000 }, () => random.int(9)).join('')
    await expect(openPacked(pack(text), 1_000)).rejects.toMatchObject({ code: 'STREAM_INVALID' })
    expect(given).toBeLessThan(gzipSync(text).length / 2)
    expect(given % inflateSliceBytes).toBe(0)
    expect(await openPacked(pack(text), text.length)).toBe(text)
  } finally {
    vi.unstubAllGlobals()
  }
})

test('a mark of order of bytes at the start of a text stays', async () => {
  expect(await openPacked(pack('\uFEFFtext'), 100)).toBe('\uFEFFtext')
})

test.each([['gzip'], [true], [null]])('compress: %o is refused', (compress) => {
  const options = { topics: ['a'], compress: compress as unknown as 'event' }
  expect(() => connect('http://localhost/events', options)).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID' }),
  )
  expect(() => createClient('http://localhost', options)).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID' }),
  )
})
