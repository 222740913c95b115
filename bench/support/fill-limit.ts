// Fills one product of limits and prints what it takes, as JSON. Started by bench/limits.ts with the
// name of a filling.

import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { memoryLog, parseTopic } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import { parseSubscriptionBody } from '@tidemark/server/hub'
import type { Block, Sink, SinkListener, Subscription } from '@tidemark/server/hub'
import { makeCertificate, readMemory, startHubProcess } from '@tidemark/testkit'
import { emptyTopicBytesMax, pageDataMax } from '../../packages/log/src/limits.ts'
import {
  eventBytesMax,
  topicSetsBytesMax,
  topicSetFreeBytes,
  heldBlocksBytesMax,
  largeWriteBytesMax,
  recentCharactersMax,
  recentFrameBytesMax,
  writeBytesMax,
} from '../../packages/server/src/limits.ts'
import {
  answerLimits,
  headerBytesMax,
  headerFieldsMax,
  historyReadsMax,
  lineLimits,
} from '../../packages/hub/src/limits.ts'
import { collect } from './filled.ts'
import type { Filled } from './filled.ts'
import { partFillings } from './part-fillings.ts'

const MiB = 1024 * 1024

/** Holds what it is given, as a socket does whose client reads nothing. */
class StalledSink implements Sink {
  #held: Block[] = []
  #bytes = 0
  #listener: SinkListener | undefined

  get bytesWaiting(): number {
    return this.#bytes
  }

  write(block: Block): boolean {
    this.#held.push(block)
    this.#bytes += block.bytes.length
    return this.#bytes <= writeBytesMax
  }

  end(): void {}

  abort(): void {
    this.#held = []
    this.#listener?.closed()
  }

  listen(listener: SinkListener): void {
    this.#listener = listener
  }
}

/** Sessions with a thousand names of their own, until the node is full. */
async function fillAudiences(): Promise<Filled> {
  const tide = createTidemark({ log: memoryLog() })
  const before = collect()
  const sinks: Sink[] = []
  try {
    for (let i = 0; ; i++) {
      const topics = Array.from({ length: 1_000 }, (_, j) => `own/${i}/${j}`)
      const sink = new StalledSink()
      await tide.open(sink, parseSubscriptionBody({ topics }))
      sinks.push(sink)
    }
  } catch {
    return {
      bytes: collect() - before,
      allowed: topicSetsBytesMax + sinks.length * topicSetFreeBytes,
    }
  }
}

async function fillLargeLive(): Promise<Filled> {
  const tide = createTidemark({ log: memoryLog({ retention: { maxBytes: 4 * eventBytesMax } }) })
  const sinks: Sink[] = []
  const before = collect()
  for (let i = 0; i < 1.5 * (heldBlocksBytesMax / eventBytesMax); i++) {
    const sink = new StalledSink()
    sinks.push(sink)
    await tide.open(sink, parseSubscriptionBody({ topics: ['a'] }))
    await turn()
    await tide.publish('a', { data: `${i}`.padEnd(eventBytesMax, 'x') })
    await turn()
  }
  // The log's own, and the recent records.
  const beside = 4 * eventBytesMax + 2 * recentCharactersMax + recentFrameBytesMax
  const bytes = collect() - before
  return sinks.length > 0 ? { bytes, allowed: heldBlocksBytesMax + beside } : { bytes, allowed: 0 }
}

async function fillLargeReplay(): Promise<Filled> {
  const log = memoryLog()
  await log.append({ events: [{ topic: parseTopic('a'), data: 'x'.repeat(eventBytesMax) }] })
  const tide = createTidemark({ log })
  const sinks: Sink[] = []
  const before = collect()
  for (let i = 0; i < 2 * (largeWriteBytesMax / eventBytesMax); i++) {
    const sink = new StalledSink()
    sinks.push(sink)
    await tide.open(sink, parseSubscriptionBody({ topics: ['a'], since: 'earliest' }))
  }
  for (let i = 0; i < 4 * sinks.length; i++) await turn()
  return { bytes: collect() - before, allowed: largeWriteBytesMax + sinks.length * 16 * 1024 }
}

/** All 65: two shapes × 8 sets of fields × two names of events, each packed or not, and batch. */
function listSubscriptions(): readonly Subscription[] {
  const choices: object[] = [{ framing: 'batch' }]
  const names = ['topic', 'key', 'time']
  for (const framing of ['plain', 'envelope']) {
    for (let set = 0; set < 8; set++) {
      const fields = names.filter((_, i) => (set >> i) % 2 === 1)
      choices.push({ framing, fields }, { framing, fields, event: 'topic' })
    }
  }
  const plain = choices.map((choice) => parseSubscriptionBody({ topics: ['a'], ...choice }))
  const pack = (text: string): string => gzipSync(text).toString('base64')
  const packed = plain.map((asked) => ({ ...asked, framing: asked.framing.packing(pack) }))
  const all = new Map([...plain, ...packed].map((asked) => [asked.framing.key, asked]))
  if (all.size !== 129) throw new Error(`There should be 129 framings; got ${all.size}.`)
  return [...all.values()]
}

/** Every framing there is, asked for by sessions that follow control characters. */
async function fillRecent(): Promise<Filled> {
  const tide = createTidemark({ log: memoryLog({ retention: { maxBytes: MiB } }) })
  const before = collect()
  for (const asked of listSubscriptions()) {
    const sink: Sink = { write: () => true, end() {}, abort() {}, listen() {} }
    await tide.open(sink, asked)
  }
  const data = '\u0001'.repeat(1_000)
  for (let i = 0; i < 4_000; i++) {
    await tide.publish('a', { data })
    await turn()
  }
  const allowed = recentFrameBytesMax + 2 * recentCharactersMax + 2 * MiB
  return { bytes: collect() - before, allowed }
}

/** A tenth of the sessions, each with an audience of its own, none of which reads. */
async function fillStalled(): Promise<Filled> {
  const tide = createTidemark({ log: memoryLog({ retention: { maxBytes: 4 * MiB } }) })
  const count = 1_000
  const sinks: Sink[] = []
  const before = collect()
  for (let i = 0; i < count; i++) {
    const sink = new StalledSink()
    sinks.push(sink)
    const topics = ['a', `own/${i}`]
    await tide.open(sink, parseSubscriptionBody({ topics, framing: 'envelope' }))
  }
  const data = '\u0001'.repeat(1_000)
  for (let round = 0; round < 4; round++) {
    await tide.publishAll(Array.from({ length: 40 }, () => ({ topic: 'a', data })))
    await turn()
  }
  return {
    bytes: collect() - before,
    allowed: count * (3 * writeBytesMax + topicSetFreeBytes + 10_240),
  }
}

/** A log with a topic of a hundred segments for each event. */
async function fillTopics(): Promise<Filled> {
  const maxBytes = 256 * MiB
  const log = memoryLog({ retention: { maxBytes } })
  const before = collect()
  for (let i = 0; i < 9_000; i++) {
    const topic = parseTopic(`${i}${'/a'.repeat(100)}`)
    await log.append({ events: [{ topic, data: 'x' }] })
  }
  const bytes = collect() - before
  await log.close()
  return { bytes, allowed: maxBytes }
}

async function fillEmptyTopics(): Promise<Filled> {
  const maxBytes = MiB
  const log = memoryLog({ retention: { maxBytes } })
  const before = collect()
  for (let i = 0; i < 20_000; i++) {
    const topic = parseTopic(`${i}${'/a'.repeat(100)}`)
    await log.append({ events: [{ topic, data: 'x' }] })
  }
  const bytes = collect() - before
  await log.close()
  return { bytes, allowed: emptyTopicBytesMax + maxBytes }
}

/** Asks a hub in a process of its own, and watches how its memory grows meanwhile. */
async function watchHub(ask: (port: number) => Promise<Socket[]>): Promise<number> {
  // The harness's own timers hold no process.
  setInterval(() => undefined, 1_000)
  const dataDirectory = mkdtempSync(join(tmpdir(), 'tidemark-limits-'))
  const hub = await startHubProcess({ dataDirectory, args: ['--durability=commit'] })
  try {
    const { pid, port } = hub
    if (pid === undefined) throw new Error('A hub that answers has a process.')
    const publish = { method: 'POST', body: 'x'.repeat(eventBytesMax) }
    await (await fetch(`http://127.0.0.1:${port}/topics/a`, publish)).text()
    const count = (): number => readMemory([pid]).anonymousBytes
    const before = count()
    let highest = before
    const sockets = await ask(port)
    for (let look = 0; look < 100; look++) {
      await sleep(50)
      highest = Math.max(highest, count())
    }
    for (const socket of sockets) socket.destroy()
    return highest - before
  } finally {
    await hub.stop()
    rmSync(dataDirectory, { recursive: true, force: true })
  }
}

async function crowd(port: number, connections: number, text: string): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let i = 0; i < connections; i++) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.pause()
    await once(socket, 'connect')
    socket.write(text)
    sockets.push(socket)
  }
  return sockets
}

/**
 * The garbage a hub may leave uncollected for a while: it is watched from outside, where garbage counts as
 * memory.
 */
const garbageBytes = 100 * MiB

/** Pages of 1 MiB, 250 asked for at once on each of 20 connections. */
async function fillHistory(): Promise<Filled> {
  const request = 'GET /topics/a HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const bytes = await watchHub((port) => crowd(port, 20, request.repeat(250)))
  // Pages being read, as records, text and bytes; those that are answers are bounded in all.
  const page = (eventBytesMax + pageDataMax) * 20
  return { bytes, allowed: historyReadsMax * page + 2 * answerLimits.heldBytesMax + garbageBytes }
}

/** Requests with 30 KB of headers in 120 fields, as many as may wait in line. */
async function fillLines(): Promise<Filled> {
  const value = 'x'.repeat(Math.floor((headerBytesMax - 4_096) / 120))
  const head = Array.from({ length: 120 }, (_, i) => `X-${i}: ${value}\r\n`).join('')
  const request = `GET /topics/a HTTP/1.1\r\nHost: localhost\r\n${head}\r\n`
  const bytes = await watchHub((port) => crowd(port, 30, request.repeat(130)))
  return {
    bytes,
    allowed:
      lineLimits.behindMax * (headerBytesMax + 96 * headerFieldsMax + 2_048) +
      2 * answerLimits.heldBytesMax +
      garbageBytes,
  }
}

/** Idle sessions, counted from the 1,000th on: before, the collector takes room that it keeps. */
async function fillIdle(isTls: boolean, open: (port: number) => Promise<void>): Promise<number> {
  setInterval(() => undefined, 1_000)
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-limits-'))
  const hub = await startHubProcess({
    dataDirectory: join(directory, 'data'),
    args: isTls ? (await makeCertificate(directory)).args : [],
  })
  try {
    const { pid, port } = hub
    if (pid === undefined) throw new Error('A hub that answers has a process.')
    for (let i = 0; i < idleSessions; i++) await open(port)
    await sleep(1_000)
    const before = readMemory([pid]).anonymousBytes
    for (let i = 0; i < idleSessions; i++) await open(port)
    await sleep(1_000)
    return readMemory([pid]).anonymousBytes - before
  } finally {
    await hub.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

const idleSessions = 1_000

async function fillIdlePlain(): Promise<Filled> {
  const bytes = await fillIdle(false, async (port) => {
    const [socket] = await crowd(port, 1, idleRequest)
    if (socket === undefined) throw new Error('A connection was not made.')
    socket.resume()
    await once(socket, 'data')
  })
  return { bytes, allowed: idleSessions * 10 * 1024 }
}

const idleRequest =
  'GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n'

async function fillIdleTls(): Promise<Filled> {
  const bytes = await fillIdle(true, async (port) => {
    const session = connectHttp2(`https://localhost:${port}`, { rejectUnauthorized: false })
    const stream = session.request({ ':path': '/events?topic=a', accept: 'text/event-stream' })
    stream.resume()
    await once(stream, 'data')
  })
  return { bytes, allowed: idleSessions * 100 * 1024 }
}

const fillings: Readonly<Record<string, () => Promise<Filled>>> = {
  ...partFillings,
  'idle-plain': fillIdlePlain,
  'idle-tls': fillIdleTls,
  audiences: fillAudiences,
  'large-live': fillLargeLive,
  'large-replay': fillLargeReplay,
  recent: fillRecent,
  stalled: fillStalled,
  topics: fillTopics,
  'empty-topics': fillEmptyTopics,
  history: fillHistory,
  lines: fillLines,
}

const fill = fillings[process.argv[2] ?? '']
if (fill === undefined) throw new Error(`There is no filling ${process.argv[2]}.`)
process.stdout.write(`${JSON.stringify(await fill())}\n`)
process.exit(0)
