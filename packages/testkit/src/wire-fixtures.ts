// Streams for the decoder's tests and bench: the shapes that servers really send, cut as sockets cut them.

/** One stream, as text and as bytes, in chunks. */
export interface WireFixture {
  readonly name: string
  /** How many events the whole stream holds. */
  readonly eventCount: number
  readonly text: readonly string[]
  readonly bytes: readonly Uint8Array<ArrayBuffer>[]
}

/** A Node socket hands over up to 64 KiB at a time; proxies and TLS records give 16 KiB. */
const socketChunk = 16 * 1024

const utf8 = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** `id`, `event` and a few bytes of data: the worst share of lines per byte. */
export function smallEvents(eventCount: number): WireFixture {
  const events = list(eventCount, (i) => `id: ${i}\nevent: tick\ndata: {"n":${i}}\n\n`)
  return cut({ name: 'many small events', eventCount, events }, socketChunk)
}

/** The same with CRLF. */
export function smallEventsCrlf(eventCount: number): WireFixture {
  const events = list(eventCount, (i) => `id: ${i}\r\nevent: tick\r\ndata: {"n":${i}}\r\n\r\n`)
  return cut({ name: 'many small events, CRLF', eventCount, events }, socketChunk)
}

/** The events of a session of several topics: a cursor, a type, a topic line, 128 bytes of data. */
export function hubEvents(eventCount: number): WireFixture {
  const events = list(
    eventCount,
    (i) =>
      `id: 1k3x9f0aq-${i.toString(36)}\nevent: paid\ntopic: orders/${i % 100}\ndata: {"order":${i},"note":"${'x'.repeat(100)}"}\n\n`,
  )
  return cut({ name: 'hub events with a topic line', eventCount, events }, socketChunk)
}

/** One chunk per token, as model providers stream them; every eighth token is not ASCII. */
export function aiTokens(eventCount: number): WireFixture {
  const tokens = [' the', ' tide', ' turns', ',', ' and', ' every', ' mark', ' 潮 🌊']
  const events = list(eventCount, (i) => {
    const content = tokens[i % tokens.length] ?? ''
    return `data: {"id":"run-7f3a9c","object":"chat.completion.chunk","created":1790000000,"model":"m-1","choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":null}]}\n\n`
  })
  return {
    name: 'AI tokens, one per chunk',
    eventCount,
    text: events.map(flat),
    bytes: events.map((event) => utf8.encode(event)),
  }
}

/** One kilobyte of JSON per event. */
export function jsonEvents(eventCount: number): WireFixture {
  const rows = list(
    16,
    (i) => `{"sku":"A-${1000 + i}","count":${i},"price":${i * 3}.95,"tags":["new","sale"]}`,
  )
  const json = `[${rows.join(',')}]`
  const events = list(eventCount, (i) => `id: ${i}\ndata: ${json}\n\n`)
  return cut({ name: '1 KB of JSON', eventCount, events }, socketChunk)
}

/** Twenty lines of data per event, such as indented JSON or a log excerpt. */
export function multiLineEvents(eventCount: number): WireFixture {
  const lines = list(20, (i) => `data:   "line ${i}": "some text of a usual length",\n`).join('')
  const events = list(eventCount, () => `event: page\n${lines}\n`)
  return cut({ name: '20 data lines per event', eventCount, events }, socketChunk)
}

/** One event of one line of `length` characters, in chunks of `chunkLength`. */
export function hugeLine(length: number, chunkLength: number): WireFixture {
  const events = [`data: ${'0123456789abcdef'.repeat(Math.ceil(length / 16)).slice(0, length)}\n\n`]
  const name = `one line of ${length / 1024} KiB in ${chunkLength}-byte chunks`
  return cut({ name, eventCount: 1, events }, chunkLength)
}

/** Every shape once, sized for a test. */
export function wireFixtures(): readonly WireFixture[] {
  return [
    smallEvents(500),
    smallEventsCrlf(500),
    hubEvents(200),
    aiTokens(200),
    jsonEvents(100),
    multiLineEvents(50),
    hugeLine(64 * 1024, 64),
    hugeLine(16 * 1024, 1),
  ]
}

/** Cuts bytes every `size` bytes, through lines and characters. */
export function cutBytes(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer>[] {
  return list(Math.ceil(bytes.length / size), (i) => bytes.subarray(i * size, (i + 1) * size))
}

interface Uncut {
  readonly name: string
  readonly eventCount: number
  readonly events: readonly string[]
}

function cut({ name, eventCount, events }: Uncut, size: number): WireFixture {
  const whole = events.join('')
  return {
    name,
    eventCount,
    text: list(Math.ceil(whole.length / size), (i) => flat(whole.slice(i * size, (i + 1) * size))),
    bytes: cutBytes(utf8.encode(whole), size),
  }
}

/** Text as it comes out of a socket: engines keep a slice or a concatenation as a pointer to its parts. */
function flat(text: string): string {
  return decoder.decode(utf8.encode(text))
}

function list<T>(length: number, make: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => make(index))
}
