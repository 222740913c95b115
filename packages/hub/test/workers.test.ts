// `tidemark serve --workers 2`: several processes, one port, one log.

import { request } from 'node:http'
import { createConnection } from 'node:net'
import { connect, createPublisher } from '@tidemark/client'
import {
  countConnections,
  createRandom,
  isRunning,
  listChildren,
  startHubProcess,
  waitForCount,
  waitUntil,
} from '@tidemark/testkit'
import type { HubProcess, HubProcessOptions } from '@tidemark/testkit'
import type { NodeStats } from '@tidemark/server'
import { expect, onTestFinished, test } from 'vitest'
import { beginStream, openLiveStream } from './support/live-stream.ts'
import type { LiveStream } from './support/live-stream.ts'
import { openUntil } from './support/raw.ts'
import { makeDirectory } from './support/test-hub.ts'

interface WorkersHub {
  readonly hub: HubProcess
  readonly url: string
  readonly port: number
  /** The supervising process. */
  readonly pid: number
  readonly listWorkers: () => readonly number[]
}

async function startWorkers(options: Partial<HubProcessOptions> = {}): Promise<WorkersHub> {
  const dataDirectory = await makeDirectory()
  const hub = await startHubProcess({ dataDirectory, args: ['--workers', '2'], ...options })
  onTestFinished(() => hub.stop())
  const { pid, url, port } = hub
  if (pid === undefined) throw new Error('A hub that answers has a process.')
  return { hub, url, port, pid, listWorkers: () => listChildren(pid) }
}

function openStreams(port: number, count: number): ReturnType<typeof openLiveStream>[] {
  return Array.from({ length: count }, () => openLiveStream(port, 'topic=a'))
}

/** The end of a process may be seen before the last bytes it has sent. */
async function expectGoodbyes(streams: readonly LiveStream[]): Promise<void> {
  await waitUntil('all are closed', () => streams.every(({ isClosed }) => isClosed))
  for (const { text } of streams) expect(text).toContain('event: tidemark.bye')
}

/** On a connection of its own, so that any worker may get it. */
function publish(url: string, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/topics/a`, { method: 'POST', agent: false })
    outgoing.once('error', reject)
    outgoing.once('response', (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode))
    })
    outgoing.end(body)
  })
}

test('an event published through any connection reaches the sessions of both workers in one order', async () => {
  const { url, port, listWorkers } = await startWorkers()
  const streams = await Promise.all(openStreams(port, 20))
  const sent = Array.from({ length: 20 }, (_, i) => `event ${i}`)
  for (const body of sent) expect(await publish(url, body)).toBe(200)
  for (const stream of streams) {
    await waitForCount('all events are there', () => stream.data.length, sent.length)
    expect(stream.data).toEqual(sent)
  }
  const [first = 0, second = 0] = listWorkers().map((worker) => countConnections(worker, port))
  // Also the connections of publishers and probes, which come and go.
  expect(Math.min(first, second)).toBeGreaterThanOrEqual(8)
})

test('a thousand sessions spread evenly over the workers', async () => {
  const { port, pid, listWorkers } = await startWorkers()
  await Promise.all(openStreams(port, 1_000))
  const counts = listWorkers().map((worker) => countConnections(worker, port))
  expect(Math.min(...counts)).toBeGreaterThan(480)
  await waitUntil('the supervisor has let go of them', () => countConnections(pid, port) === 0)
})

test('two workers together hold the topic sets that the hub may, and each its half', async () => {
  const wholeBytes = 12 * 1024 * 1024
  const args = ['--workers', '2', '--max-topic-sets-bytes', '12MiB']
  const { port, listWorkers } = await startWorkers({ args })
  // 1,000 names × (384 bytes + 2 × their length) beside the audience's own, less the 4 KiB that are free.
  const setBytes = 1_000 * (384 + 2 * 21) + 2_560 - 4 * 1024
  const places = Math.floor(wholeBytes / 2 / setBytes)
  let held = 0
  let refused = 0
  for (let i = 0; refused < 12; i++) {
    const topics = Array.from({ length: 1_000 }, (_, j) => `own/${i}/${j}`.padEnd(20, 'x'))
    if (await openByBody(port, JSON.stringify({ topics }))) held += 1
    else refused += 1
  }
  expect(held * setBytes).toBeLessThanOrEqual(wholeBytes)
  expect(held).toBe(2 * places)
  for (const worker of listWorkers()) expect(countConnections(worker, port)).toBe(places)
})

/** Asks for a stream on a connection of its own; whether it was opened. */
function openByBody(port: number, body: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => undefined)
    let text = ''
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part
      if (text.includes('event: tidemark.ready')) resolve(true)
    })
    // A stream that is refused is told so and ends.
    socket.once('close', () => resolve(false))
    const head = 'POST /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n'
    socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`)
  })
}

test('workers killed in the middle of a stream of publishes lose, double and reorder nothing, and are replaced', async () => {
  const { url, port, listWorkers } = await startWorkers()
  const first = listWorkers()
  const retry = { baseMs: 250 }
  const feeds = Array.from({ length: 12 }, () => {
    const seen: string[] = []
    const feed = connect(`${url}/events`, { topics: ['a/*'], since: 'earliest', retry })
    onTestFinished(() => feed.close())
    feed.on('message', (_, { text, id }) => seen.push(`${id} ${text}`))
    return { feed, seen }
  })
  await Promise.all(
    feeds.map(({ feed }) => waitUntil('it is open', () => feed.state.phase === 'open')),
  )
  const acknowledged: string[] = []
  const publishAll = async (name: string): Promise<void> => {
    const publisher = createPublisher(`${url}/publish`, { retry })
    for (let i = 0; i < 250; i++) {
      const data = `${name} ${i}`
      const { cursor } = await publisher.publish(`a/${name}`, { data })
      acknowledged.push(`${cursor} ${data}`)
    }
  }
  const publishing = Promise.all(['x', 'y', 'z'].map(publishAll))
  const random = createRandom(20_261_121)
  for (const count of [150, 400]) {
    await waitForCount('some are acknowledged', () => acknowledged.length, count)
    await waitUntil('both workers run', () => listWorkers().length === 2)
    process.kill(random.pick(listWorkers()), 'SIGKILL')
  }
  await publishing
  const expected = acknowledged.toSorted()
  for (const { seen } of feeds) {
    await waitForCount('all events are there', () => seen.length, expected.length)
    expect(seen.toSorted()).toEqual(expected)
    expect(seen).toEqual(feeds[0]?.seen)
  }
  await waitUntil('both workers run', () => listWorkers().length === 2)
  expect(listWorkers()).not.toEqual(first)
  await Promise.all(openStreams(port, 20))
  for (const worker of listWorkers()) expect(countConnections(worker, port)).toBeGreaterThan(0)
})

test('what a worker says of its end and of its replacement names it and the signal', async () => {
  const { hub, listWorkers } = await startWorkers()
  const [worker = 0] = listWorkers()
  process.kill(worker, 'SIGKILL')
  await waitUntil('it is replaced', () => / serves\.\n/.test(hub.output))
  expect(hub.output).toContain(
    `tidemark: worker 1 (process ${worker}) was killed by SIGKILL; another starts now.\n`,
  )
})

test('a connection on its way to a worker that dies is closed or answered, never forgotten', async () => {
  const { port, listWorkers } = await startWorkers()
  const [worker = 0] = listWorkers()
  process.kill(worker, 'SIGSTOP')
  onTestFinished(() => {
    if (isRunning(worker)) process.kill(worker, 'SIGKILL')
  })
  const streams = Array.from({ length: 8 }, () => beginStream(port, 'topic=a'))
  // The one that was handed to the worker standing still waits there; the others go past it.
  const isServed = (): number => streams.filter(({ text }) => text.includes('ready')).length
  await waitUntil('the other worker has the rest', () => isServed() === streams.length - 1)
  process.kill(worker, 'SIGKILL')
  await waitUntil('it is closed', () => streams.some(({ isClosed }) => isClosed))
})

test('who comes while all workers are dead waits for the next one', async () => {
  const { hub, url, listWorkers } = await startWorkers()
  for (const worker of listWorkers()) process.kill(worker, 'SIGKILL')
  await waitUntil('it is told', () => hub.output.split('was killed by SIGKILL').length === 3)
  expect(await publish(url, 'late')).toBe(200)
})

test('SIGTERM says goodbye to the sessions of all workers and ends with 0', async () => {
  const { hub, port, listWorkers } = await startWorkers()
  const streams = await Promise.all(openStreams(port, 20))
  const workers = listWorkers()
  await hub.kill('SIGTERM')
  expect(hub.exitCode).toBe(0)
  expect(workers.filter(isRunning)).toEqual([])
  await expectGoodbyes(streams)
})

test('a signal to the whole process group, as of Ctrl-C, counts once', async () => {
  const { hub, port, pid } = await startWorkers({ isGroup: true })
  const streams = await Promise.all(openStreams(port, 20))
  process.kill(-pid, 'SIGINT')
  await waitUntil('it ends', () => hub.isEnded)
  expect(hub.exitCode).toBe(0)
  await expectGoodbyes(streams)
})

test('a second signal ends all processes at once', async () => {
  const { hub, port, pid, listWorkers } = await startWorkers()
  const workers = listWorkers()
  const head =
    'POST /topics/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n'
  // Without the second signal this request would hold the hub for 5 s.
  await openUntil(port, head, '100 Continue')
  await waitUntil('impatience has its way', () => {
    if (!hub.isEnded) process.kill(pid, 'SIGTERM')
    return hub.isEnded
  })
  expect(hub.exitCode).toBe(143)
  await waitUntil('the workers are gone', () => !workers.some(isRunning))
})

test('workers whose supervisor is killed send their sessions away and leave', async () => {
  const { hub, port, listWorkers } = await startWorkers()
  const streams = await Promise.all(openStreams(port, 20))
  const workers = listWorkers()
  expect(workers).toHaveLength(2)
  await hub.kill('SIGKILL')
  await waitUntil('the workers are gone', () => !workers.some(isRunning))
  await expectGoodbyes(streams)
})

test('the sessions a hub may hold are shared out among its workers', async () => {
  const { port } = await startWorkers({ args: ['--workers', '2', '--max-sessions', '5'] })
  const streams: ReturnType<typeof beginStream>[] = []
  for (let i = 0; i < 8; i++) {
    const stream = beginStream(port, 'topic=a')
    streams.push(stream)
    await waitUntil('it is answered', () => /ready|bye/.test(stream.text))
  }
  // 5 / 2, rounded up, twice.
  expect(streams.filter(({ text }) => text.includes('ready'))).toHaveLength(6)
})

async function readStats(url: string): Promise<NodeStats> {
  const answer = await fetch(`${url}/stats`)
  expect(answer.status).toBe(200)
  return (await answer.json()) as NodeStats
}

test('any worker answers with what all have counted, and what a killed one had counted stays', async () => {
  const { url, port, listWorkers } = await startWorkers()
  await Promise.all(openStreams(port, 20))
  for (let i = 0; i < 10; i++) expect(await publish(url, `event ${i}`)).toBe(200)
  const isWhole = ({ now, delivered }: NodeStats): boolean =>
    now.sessions === 20 && delivered.events === 200
  await waitUntil('all is counted', async () => isWhole(await readStats(url)))
  const before = await readStats(url)
  expect(before).toMatchObject({ now: { nodes: 2, live: 20 }, published: { events: 10 } })
  const [killed = 0] = listWorkers()
  const lost = countConnections(killed, port)
  expect(lost).toBeGreaterThan(0)
  process.kill(killed, 'SIGKILL')
  await waitUntil('another worker counts', async () => {
    const { now } = await readStats(url).catch(() => before)
    return now.nodes === 2 && now.sessions < 20
  })
  const after = await readStats(url)
  expect(after.published).toMatchObject({ publishes: 10, events: 10, failed: 0 })
  expect(after.delivered).toMatchObject({ events: 200, bytes: before.delivered.bytes })
  expect(after.closed.lost).toBeGreaterThan(0)
  // Each session that was opened is open, or has ended for some reason.
  const ended = Object.values(after.closed).reduce((sum, count) => sum + count, 0)
  expect(after.sessions.opened).toBe(after.now.sessions + ended)
})
