// Sessions to which nothing is sent, as many as a hub may hold: what each costs it, and what the next
// one hears.

import { once } from 'node:events'
import { connect as connectSecurely } from 'node:http2'
import { connect } from 'node:net'
import { readMemory, startHubProcess, waitForCount } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeCertificate } from './support/certificate.ts'
import { beginStream } from './support/live-stream.ts'
import type { LiveStream } from './support/live-stream.ts'
import { makeDirectory } from './support/test-hub.ts'

const KiB = 1024
const collectOnSignal = new URL('support/collect-on-signal.ts', import.meta.url).href

interface Host {
  readonly port: number
  /** The memory of the process once its garbage is collected. */
  readonly countBytes: () => Promise<number>
}

async function startHub(sessionsMax: number, args: readonly string[] = []): Promise<Host> {
  const hub = await startHubProcess({
    dataDirectory: await makeDirectory(),
    args: [`--max-sessions=${sessionsMax}`, ...args],
    env: { NODE_OPTIONS: `--import=${collectOnSignal}` },
  })
  onTestFinished(() => hub.stop())
  const { pid, port } = hub
  if (pid === undefined) throw new Error('A hub that answers has a process.')
  return {
    port,
    async countBytes() {
      // More than once: what one collection finds unused may have kept other things.
      for (let turn = 0; turn < 3; turn++) {
        process.kill(pid, 'SIGUSR2')
        await isTurned(port)
      }
      return readMemory([pid]).anonymousBytes
    },
  }
}

/**
 * Resolves when a hub has refused what is no request, be it of HTTP or of TLS: it has been round its
 * loop.
 */
async function isTurned(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.resume()
  socket.write('x\r\n\r\n')
  await once(socket, 'close')
}

/** Clients that open one session after another. */
interface Crowd {
  readonly add: () => void
  readonly countReady: () => number
}

function gatherPlain(port: number): Crowd {
  const streams: LiveStream[] = []
  return {
    add: () => streams.push(beginStream(port, 'topic=a')),
    countReady: () => streams.filter(({ text }) => text.includes('tidemark.ready')).length,
  }
}

/** The first bytes that a client of HTTP/2 hears on a connection of its own. */
function hearSecure(port: number, hear: (text: string) => void): void {
  const session = connectSecurely(`https://localhost:${port}`, { rejectUnauthorized: false })
  session.on('error', () => undefined)
  onTestFinished(() => session.destroy())
  const stream = session.request({ ':path': '/events?topic=a', accept: 'application/json' })
  stream.setEncoding('utf8')
  stream.on('error', () => undefined)
  stream.on('data', hear)
}

function gatherSecure(port: number): Crowd {
  let ready = 0
  const hear = (text: string): void => {
    if (text.includes('tidemark.ready')) ready += 1
  }
  return { add: () => hearSecure(port, hear), countReady: () => ready }
}

interface Filling {
  /** Opened first, so that what the first ones load is not counted. */
  readonly warmUp: number
  readonly measured: number
}

/** Opens sessions, some at a time; resolves to what each of those that are measured costs the hub. */
async function fill(host: Host, crowd: Crowd, { warmUp, measured }: Filling): Promise<number> {
  const open = async (until: number): Promise<number> => {
    while (crowd.countReady() < until) {
      const next = Math.min(until, crowd.countReady() + 50)
      for (let i = crowd.countReady(); i < next; i++) crowd.add()
      await waitForCount('sessions are ready', crowd.countReady, next)
    }
    return host.countBytes()
  }
  const before = await open(warmUp)
  return ((await open(warmUp + measured)) - before) / measured
}

test('two thousand idle sessions cost a hub no more than 10 KiB each, and the next one is told to come back', async () => {
  // Node keeps a thousand parsers for later connections, and its young generation grows to its size.
  const filling = { warmUp: 1_000, measured: 2_000 }
  const host = await startHub(3_000)
  const each = await fill(host, gatherPlain(host.port), filling)
  expect(each).toBeLessThanOrEqual(10 * KiB)
  expect(each).toBeGreaterThan(KiB)
  const refused = await fetch(`http://127.0.0.1:${host.port}/events?topic=a`)
  expect(refused.status).toBe(503)
  expect(await refused.json()).toMatchObject({ code: 'FULL' })
})

test('idle sessions of HTTP/2 over TLS cost a hub no more than 120 KiB each, with a connection of their own', async () => {
  const certificate = await makeCertificate()
  onTestFinished(() => certificate.remove())
  const args = [`--tls-cert=${certificate.cert}`, `--tls-key=${certificate.key}`]
  const host = await startHub(400, args)
  const each = await fill(host, gatherSecure(host.port), { warmUp: 100, measured: 300 })
  expect(each).toBeLessThanOrEqual(120 * KiB)
  expect(each).toBeGreaterThan(20 * KiB)
  const refusal = await new Promise<string>((hear) => {
    hearSecure(host.port, hear)
  })
  expect(refusal).toContain('"code":"FULL"')
})
