// One response with the application's own events, at every door and with every kind of client.

import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { collectGarbage, createFakeClock, waitUntil } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openStream as openFetchStream } from '../src/fetch/index.ts'
import type { FetchStream } from '../src/fetch/index.ts'
import type { Tidemark } from '../src/index.ts'
import { openStream } from '../src/node/index.ts'
import { eventBytesMax } from '../src/limits.ts'
import { waitingTextLengthMax } from '../src/own-stream/limits.ts'
import type { EventStream, OpenStreamOptions, StreamEvent } from '../src/node/index.ts'
import { doors } from './support/doors.ts'
import type { Ask, Door, DoorAnswer } from './support/doors.ts'
import { FetchClient } from './support/fetch-client.ts'
import { get, sendRaw, serve } from './support/node-server.ts'
import { settle } from './support/settle.ts'

type Handler = (stream: EventStream) => unknown

/** A door whose requests are answered with a stream of the application's own. */
async function start(door: Door, handle: Handler): Promise<(ask: Ask) => Promise<DoorAnswer>> {
  const own = {
    subscribe(request: IncomingMessage, response: ServerResponse) {
      handle(openStream(request, response))
      return Promise.resolve()
    },
    fetch(request: Request) {
      const stream = openFetchStream(request)
      handle(stream)
      return Promise.resolve(stream.response)
    },
  }
  const open = await door.open(own as unknown as Tidemark)
  onTestFinished(() => open.close())
  return (ask) => open.ask(ask)
}

/** Counts up for ever, one in a turn or as fast as it goes, until somebody stops it. */
async function* countUp(told: string[], data?: string): AsyncGenerator<StreamEvent> {
  try {
    for (let i = 0; ; i++) {
      if (data === undefined) await settle()
      yield { type: 'count', data: `${i} ${data ?? ''}`, id: String(i) }
    }
  } finally {
    told.push('stopped')
  }
}

describe.each(doors.map((door) => [door.name, door] as const))('by %s', (_name, door) => {
  test('a stream carries what the application sends, in order, and ends when it says so', async () => {
    const ask = await start(door, async (stream) => {
      await stream.retry(2_000)
      await stream.send({ type: 'progress', data: { done: 3 }, id: 'step 3' })
      await stream.comment('still here')
      await stream.pipe(Readable.from(['hel', 'lo\nyou', { data: '!' }]))
      await stream.close()
    })
    const answer = await ask({ method: 'POST', body: '{"prompt":"hi"}' })
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    await expect.poll(() => answer.isEnded).toBe(true)
    expect(answer.text.replace(/^(?:: \n\n)+/, '')).toBe(
      [
        'retry: 2000',
        'id: step 3\nevent: progress\ndata: {"done":3}',
        ': still here',
        'data: hel',
        'data: lo\ndata: you',
        'data: !\n\n',
      ].join('\n\n'),
    )
  })

  test('the head is there before the first event, so that a client knows that the stream is open', async () => {
    const ask = await start(door, () => undefined)
    const answer = await ask({})
    expect(answer.status).toBe(200)
    await expect.poll(() => answer.text).toBe(': \n\n')
  })

  test('HEAD gets the head, and makes nobody work', async () => {
    const seen: unknown[] = []
    const told: string[] = []
    const ask = await start(door, async (stream) => {
      seen.push(await stream.pipe(countUp(told)), stream.signal.aborted)
    })
    const answer = await ask({ method: 'HEAD' })
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8')
    await expect.poll(() => seen).toEqual([false, true])
    expect(answer.text).toBe('')
  })

  test('a client that comes back says where it was', async () => {
    const ids: (string | undefined)[] = []
    const ask = await start(door, (stream) => ids.push(stream.lastEventId))
    await ask({})
    await ask({ headers: { 'last-event-id': 'step 3' } })
    expect(ids).toEqual([undefined, 'step 3'])
  })

  test('a client that leaves in the middle stops the source, and is no error', async () => {
    const told: string[] = []
    const ended = Promise.withResolvers<readonly unknown[]>()
    const ask = await start(door, async (stream) => {
      const whole = await stream.pipe(countUp(told))
      ended.resolve([whole, stream.signal.aborted, await stream.send({ data: 'x' })])
      await stream.close()
    })
    const answer = await ask({})
    await expect.poll(() => answer.text).toContain('event: count\ndata: 9')
    answer.leave()
    expect(await ended.promise).toEqual([false, true, false])
    expect(told).toEqual(['stopped'])
  })

  test('what a source throws reaches the application, which can still say so', async () => {
    const ask = await start(door, async (stream) => {
      const failing = async function* (): AsyncGenerator<string> {
        yield 'one'
        throw new Error('the model has hung up')
      }
      const error: unknown = await stream.pipe(failing()).catch((thrown: unknown) => thrown)
      await stream.send({ type: 'failed', data: (error as Error).message })
      await stream.close()
    })
    const answer = await ask({})
    await expect.poll(() => answer.isEnded).toBe(true)
    expect(answer.text).toContain('data: one\n\nevent: failed\ndata: the model has hung up\n\n')
  })

  test('after its end a stream takes nothing, and may be closed again', async () => {
    const seen: unknown[] = []
    const ask = await start(door, async (stream) => {
      await stream.send({ data: 'last' })
      const closed = [stream.close(), stream.close()]
      seen.push(await stream.send({ data: 'late' }), await stream.comment('late'))
      await Promise.all(closed)
      seen.push(await stream.pipe(countUp([])), stream.signal.aborted)
      await stream.close()
      seen.push('closed')
    })
    const answer = await ask({})
    await expect.poll(() => seen).toEqual([false, false, false, false, 'closed'])
    await expect.poll(() => answer.isEnded).toBe(true)
    expect(answer.text).toMatch(/data: last\n\n$/)
  })

  test('ten thousand sends that nobody waits for arrive in order', async () => {
    const ask = await start(door, (stream) => {
      for (let i = 0; i < 10_000; i++) void stream.send({ data: i })
      void stream.close()
    })
    const answer = await ask({})
    await expect.poll(() => answer.isEnded).toBe(true)
    const numbers = [...answer.text.matchAll(/data: (\d+)\n/g)].map(([, text]) => Number(text))
    expect(numbers).toEqual(Array.from({ length: 10_000 }, (_, i) => i))
  })
})

describe('a client that does not read', () => {
  test('holds up a source that is piped to it, and gets everything when it goes on', async () => {
    let made = 0
    const data = 'x'.repeat(16_000)
    async function* make(): AsyncGenerator<string> {
      for (; made < 4_000; made++) yield data
    }
    const server = await serve((request, response) => {
      const stream = openStream(request, response)
      void stream.pipe(make()).then(() => stream.send({ data: 'end' }))
    })
    onTestFinished(() => server.close())
    const client = sendRaw(server.port, get('/'))
    await client.until('200 OK')
    client.socket.pause()
    await untilStill(() => made)
    // The buffers of the kernel on both sides, and 64 KiB; of 64 MB.
    expect(made).toBeLessThan(1_500)
    // All of it would be searched again and again.
    let tail = ''
    client.socket.removeAllListeners('data')
    client.socket.on('data', (chunk: string) => (tail = (tail + chunk).slice(-30))).resume()
    await waitUntil('the end has come', () => tail.includes('data: end'), { watch: () => made })
    expect(made).toBe(4_000)
    client.socket.destroy()
  })

  test('is cut when an application sends it more without waiting than may wait, and the application lives', async () => {
    const seen = Promise.withResolvers<EventStream>()
    const outcomes: Promise<boolean>[] = []
    const server = await serve((request, response) => {
      const stream = openStream(request, response)
      const data = 'x'.repeat(1_000)
      for (let i = 0; i < 20_000; i++) outcomes.push(stream.send({ data }))
      seen.resolve(stream)
    })
    onTestFinished(() => server.close())
    const client = sendRaw(server.port, get('/'))
    client.socket.pause()
    const stream = await seen.promise
    expect(stream.signal.reason).toMatchObject({ name: 'ServerError', code: 'STREAM_CUT' })
    expect(new Set(await Promise.all(outcomes.slice(-19_000)))).toEqual(new Set([false]))
    await stream.close()
    await expect.poll(() => server.connections()).toBe(0)
  })

  test('what is sent without waiting holds no more than its bound, the largest events among it', async () => {
    const streams = Array.from({ length: 8 }, () =>
      openFetchStream(new Request('http://localhost/')),
    )
    const before = await measureHeld()
    const each = async (data: string): Promise<void> => {
      for (const stream of streams) void stream.send({ data })
    }
    // The first is the sink's, two fill what may wait, and the last passes the bound.
    await each(`ü${'\n'.repeat(eventBytesMax - 2)}`)
    for (let i = 0; i < 127; i++) await each(`${i}${'x'.repeat(8_000)}ü`)
    await each(`ü${'\n'.repeat(eventBytesMax - 2)}`)
    expect(streams.every(({ signal }) => !signal.aborted)).toBe(true)
    const held = (await measureHeld()) - before
    const worst = 2 * waitingTextLengthMax + 3 * 7 * eventBytesMax
    expect(held).toBeGreaterThan(streams.length * 13 * eventBytesMax)
    expect(held).toBeLessThan(streams.length * worst)
    await each('more')
    expect(streams.every(({ signal }) => signal.aborted)).toBe(true)
    expect((await measureHeld()) - before).toBeLessThan(eventBytesMax)
  })

  test.each(['sends', 'is closed'])(
    'is cut after a while, so that an application which %s does not wait for ever',
    async (act) => {
      const clock = createFakeClock()
      const stream = openFetchStream(new Request('http://localhost/'), { clock })
      const waits = act === 'sends' ? stream.pipe(countUp([], 'x'.repeat(10_000))) : stream.close()
      await settle()
      clock.advance(300_000)
      expect(await waits).toBe(act === 'sends' ? false : undefined)
      expect(stream.signal.aborted).toBe(act === 'sends')
      expect(clock.pending).toBe(0)
    },
  )

  test('is not cut while it reads, however slowly', async () => {
    const clock = createFakeClock()
    const stream = openFetchStream(new Request('http://localhost/'), { clock })
    const client = new FetchClient(stream.response)
    await client.read()
    const sending = stream.send({ data: 'x'.repeat(1_000_000) })
    for (let i = 0; i < 10; i++) {
      await client.read()
      clock.advance(299_999)
    }
    expect(stream.signal.aborted).toBe(false)
    await client.untilData('x'.repeat(1_000_000))
    void client.read()
    expect(await sending).toBe(true)
  })
})

test('a silent stream says that it is there, and a busy one does not', async () => {
  const clock = createFakeClock()
  const stream = openFetchStream(new Request('http://localhost/'), { clock })
  const reader = stream.response.body?.pipeThrough(new TextDecoderStream()).getReader()
  const read = async (): Promise<string | undefined> => (await reader?.read())?.value
  expect(await read()).toBe(': \n\n')
  clock.advance(15_000)
  expect(await read()).toBe(': \n\n')
  await stream.send({ data: 'one' })
  clock.advance(15_000)
  await stream.send({ data: 'two' })
  expect(await read()).toBe('data: one\n\n')
  expect(await read()).toBe('data: two\n\n')
  await reader?.cancel()
  await settle()
  expect(clock.pending).toBe(0)
})

test('a source that is never slow leaves turns to others', async () => {
  const stream = openFetchStream(new Request('http://localhost/'))
  const piping = stream.pipe(countUp([], ''))
  const reading = (async () => {
    for await (const chunk of stream.response.body ?? []) void chunk
  })()
  await settle()
  await stream.close()
  expect(await piping).toBe(false)
  await reading
})

test('a ReadableStream is cancelled as soon as the client leaves, whatever it waits for', async () => {
  const leaving = new AbortController()
  const stream = openFetchStream(new Request('http://localhost/', { signal: leaving.signal }))
  const cancelled = Promise.withResolvers<void>()
  const source = new ReadableStream<string>({ cancel: () => cancelled.resolve() })
  const piping = stream.pipe(source)
  await settle()
  leaving.abort()
  await cancelled.promise
  expect(await piping).toBe(false)
})

test('a stream of Node’s is destroyed as soon as the client leaves, whatever it waits for', async () => {
  const leaving = new AbortController()
  const stream = openFetchStream(new Request('http://localhost/', { signal: leaving.signal }))
  const source = new Readable({ objectMode: true, read: () => undefined })
  const piping = stream.pipe(source)
  await settle()
  leaving.abort()
  expect(await piping).toBe(false)
  expect(source.destroyed).toBe(true)
})

test('a source that fails because its signal was aborted fails nobody', async () => {
  const leaving = new AbortController()
  const stream = openFetchStream(new Request('http://localhost/', { signal: leaving.signal }))
  async function* ask({ signal }: FetchStream): AsyncGenerator<string> {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    yield 'never'
  }
  const piping = stream.pipe(ask(stream))
  await settle()
  leaving.abort()
  expect(await piping).toBe(false)
})

test('an event that is none is refused with its code, and the source is stopped', async () => {
  const told: string[] = []
  const stream = openFetchStream(new Request('http://localhost/'))
  async function* wrong(): AsyncGenerator<StreamEvent> {
    try {
      yield { delta: 'text' } as never
    } finally {
      told.push('stopped')
    }
  }
  await expect(stream.pipe(wrong())).rejects.toMatchObject({ code: 'EVENT_INVALID' })
  expect(told).toEqual(['stopped'])
  const bytes = new Response('data: x\n\n').body as unknown as ReadableStream<string>
  await expect(stream.pipe(bytes)).rejects.toThrow(/got bytes\. Decode them/)
  expect(await stream.send({ data: 'still open' })).toBe(true)
})

test.each<[string, StreamEvent, string]>([
  ['the id', { data: 'x', id: '1\ndata: forged' }, 'EVENT_ID_INVALID'],
  ['an id of NUL', { data: 'x', id: '\0' }, 'EVENT_ID_INVALID'],
  ['an id that a header would change', { data: 'x', id: ' 1' }, 'EVENT_ID_INVALID'],
  ['an id of any length', { data: 'x', id: '1'.repeat(1_025) }, 'EVENT_ID_INVALID'],
  ['the type', { data: 'x', type: 'a\ndata: forged' }, 'EVENT_TYPE_INVALID'],
  ['a type of the hub’s own', { data: 'x', type: 'tidemark.bye' }, 'EVENT_TYPE_INVALID'],
  ['half a character', { data: '\ud800' }, 'EVENT_DATA_INVALID'],
  ['more than an event holds', { data: 'x'.repeat(1_048_577) }, 'EVENT_TOO_LARGE'],
])('%s of an event cannot forge or break the stream', async (_, event, code) => {
  const stream = openFetchStream(new Request('http://localhost/'))
  await expect(stream.send(event)).rejects.toMatchObject({ name: 'ServerError', code })
})

test('a comment of several lines stays one', async () => {
  const stream = openFetchStream(new Request('http://localhost/'))
  await stream.comment('one\ndata: two\n\nthree')
  void stream.close()
  const client = new FetchClient(stream.response)
  while ((await client.read()) !== undefined) continue
  expect(client.events).toEqual([])
})

describe('on a response of Node’s', () => {
  interface Opened {
    readonly stream: EventStream
    readonly response: ServerResponse
  }

  async function open(options?: OpenStreamOptions): Promise<{
    readonly port: number
    readonly opened: Promise<Opened>
  }> {
    const opened = Promise.withResolvers<Opened>()
    const server = await serve((request, response) =>
      opened.resolve({ stream: openStream(request, response, options), response }),
    )
    onTestFinished(() => server.close())
    return { port: server.port, opened: opened.promise }
  }

  test.each(['at once', 'a while later'])(
    'the application may end the response itself, %s',
    async (when) => {
      const { port, opened } = await open()
      const client = sendRaw(port, get('/'))
      const { stream, response } = await opened
      if (when === 'a while later') {
        await client.until(': \n\n')
        await settle()
        await settle()
      }
      response.end()
      await client.until('0\r\n\r\n')
      await expect.poll(() => stream.signal.aborted).toBe(true)
      expect(await stream.send({ data: 'x' })).toBe(false)
      await stream.close()
    },
  )

  test('a response that was begun is refused with a code', async () => {
    const thrown = Promise.withResolvers<unknown>()
    const server = await serve((request, response) => {
      response.write('mine')
      try {
        openStream(request, response)
      } catch (error) {
        thrown.resolve(error)
      }
    })
    onTestFinished(() => server.close())
    const client = sendRaw(server.port, get('/'))
    expect(await thrown.promise).toMatchObject({ code: 'RESPONSE_UNUSABLE' })
    client.socket.destroy()
  })

  test.each([
    [{}, true],
    [{ compression: false }, false],
  ])(
    'it is compressed for a client that accepts it, unless told otherwise: %j',
    async (options, isGzip) => {
      const { port, opened } = await open(options)
      const client = sendRaw(
        port,
        get('/', 'Accept-Encoding: gzip\r\nConnection: close\r\n'),
        'latin1',
      )
      const { stream } = await opened
      await stream.send({ data: 'hello '.repeat(100) })
      await stream.close()
      await once(client.socket, 'close')
      const [head = '', ...rest] = client.text.split('\r\n\r\n')
      expect(/content-encoding: gzip/i.test(head)).toBe(isGzip)
      const body = unchunk(rest.join('\r\n\r\n'))
      const text = isGzip ? gunzipSync(Buffer.from(body, 'latin1')).toString() : body
      expect(text).toBe(`: \n\ndata: ${'hello '.repeat(100)}\n\n`)
    },
  )

  test('a response behind others on its connection begins when they are over', async () => {
    const streams: EventStream[] = []
    const server = await serve((request, response) => {
      if (request.url === '/first') {
        void waitUntil('the second has come', () => streams.length === 1).then(() =>
          response.end('first'),
        )
        return
      }
      const stream = openStream(request, response)
      streams.push(stream)
      void stream.send({ data: 'second' })
      void stream.close()
    })
    onTestFinished(() => server.close())
    const client = sendRaw(server.port, get('/first') + get('/second'))
    await client.until('data: second')
    expect(client.text.indexOf('first')).toBeLessThan(client.text.indexOf('second'))
    client.socket.destroy()
  })

  test('a client that leaves before its turn has come is gone', async () => {
    const opened = Promise.withResolvers<EventStream>()
    const server = await serve((request, response) => {
      if (request.url === '/second') opened.resolve(openStream(request, response))
    })
    onTestFinished(() => server.close())
    const client = sendRaw(server.port, get('/first') + get('/second'))
    const stream = await opened.promise
    client.socket.destroy()
    await expect.poll(() => stream.signal.aborted).toBe(true)
    expect(await stream.send({ data: 'x' })).toBe(false)
  })
})

/** Bytes that the program holds. */
async function measureHeld(): Promise<number> {
  await settle()
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Resolves when a count has not moved for many turns of the event loop. */
async function untilStill(count: () => number): Promise<void> {
  let seen = -1
  await waitUntil('the count stands still', async () => {
    const before = seen
    seen = count()
    for (let i = 0; i < 100; i++) await settle()
    return before === seen && count() === seen && seen > 0
  })
}

function unchunk(text: string): string {
  let body = ''
  for (let rest = text; ;) {
    const end = rest.indexOf('\r\n')
    const length = Number.parseInt(rest.slice(0, end), 16)
    if (!(length > 0)) return body
    body += rest.slice(end + 2, end + 2 + length)
    rest = rest.slice(end + 4 + length)
  }
}
