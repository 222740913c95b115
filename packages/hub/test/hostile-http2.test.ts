// Clients of HTTP/2 that ask for much and read nothing, frame by frame, and what they cost the hub.

import type { TLSSocket } from 'node:tls'
import { readMemory, startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { http2Limits } from '../src/limits.ts'
import { makeCertificate } from './support/certificate.ts'
import type { TestCertificate } from './support/certificate.ts'
import { connectHttp2, follow, request } from './support/http2.ts'
import { frame, headers, openRaw, openWindows } from './support/raw-http2.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'

const MiB = 1024 * 1024
const windowMax = 0x7fff_ffff

let certificate: TestCertificate

beforeAll(async () => {
  certificate = await makeCertificate()
})

afterAll(() => certificate.remove())

interface Victim {
  readonly hub: HubProcess
  /** Publishes so many events of 200 KB to `a`; resolves to how many sessions the last one went to. */
  readonly publish: (events: number) => Promise<number>
  readonly countBytes: () => number
}

/** A hub in a process of its own that has served a little, so that what a first request loads is loaded. */
async function startVictim(): Promise<Victim> {
  const dataDirectory = await makeDirectory()
  const args = [`--tls-cert=${certificate.cert}`, `--tls-key=${certificate.key}`]
  const hub = await startHubProcess({ dataDirectory, args: [...args, '--durability=commit'] })
  onTestFinished(() => hub.stop())
  const { pid, port } = hub
  if (pid === undefined) throw new Error('A hub that answers has a process.')
  const session = connectHttp2(port)
  const publish = async (events: number): Promise<number> => {
    let sessions = 0
    for (let i = 0; i < events; i++) {
      const post = { ':method': 'POST', ':path': '/topics/a' }
      const answer = await request(session, post, `${i} ${'x'.repeat(200_000)}`)
      sessions = (JSON.parse(answer.body) as { sessions: number }).sessions
    }
    return sessions
  }
  await publish(50)
  return { hub, publish, countBytes: () => readMemory([pid]).anonymousBytes }
}

/** Asks for as many streams as a connection may have. */
function askForAll(socket: TLSSocket, path: string): void {
  for (let i = 0; i < http2Limits.streamsPerConnectionMax; i++) {
    socket.write(headers(2 * i + 1, 'GET', { path, isWhole: true }))
  }
}

describe('100 MB published past one connection that has all its streams subscribed', () => {
  test.each([
    ['never opens its windows', 0, true],
    ['opens all its windows and reads nothing', windowMax, false],
  ] as const)(
    'cost a bounded part of them when it %s, and others get everything',
    async (_, windowBytes, isRead) => {
      const { hub, publish, countBytes } = await startVictim()
      const { until } = await follow(connectHttp2(hub.port), '/events?topic=a')
      const hostile = await openRaw(hub.port)
      if (!isRead) hostile.pause()
      hostile.write(openWindows(windowBytes))
      askForAll(hostile, '/events?topic=a')
      const all = http2Limits.streamsPerConnectionMax + 1
      await waitUntil('all are subscribed', async () => (await publish(1)) === all)
      const before = countBytes()
      await publish(500)
      await until('data: 499 x')
      // 256 × 64 KiB, twice where Node copies them, and what publishing leaves to the collector; a
      // queue of shared blocks would be 100 MB.
      expect(countBytes() - before).toBeLessThan(80 * MiB)
    },
  )
})

test('pages of history that nobody reads stay below the bound of their connections', async () => {
  const { hub, countBytes } = await startVictim()
  const before = countBytes()
  for (let i = 0; i < 8; i++) {
    const hostile = await openRaw(hub.port)
    hostile.write(openWindows(0))
    askForAll(hostile, '/topics/a?limit=1000')
  }
  expect((await request(connectHttp2(hub.port), { ':path': '/topics/a' })).status).toBe(200)
  // 8 × 8 MiB and what serving them leaves to the collector; without the bound 8 × 64.
  expect(countBytes() - before).toBeLessThan(256 * MiB)
})

test.each([
  ['PING', frame('ping', {}, Buffer.alloc(8))],
  ['SETTINGS', frame('settings', {}, Buffer.from([0, 3, 0, 0, 0, 1]))],
])(
  'a client that sends %s without end and reads no answer loses its connection',
  async (_, one) => {
    const hub = await startTestHub(certificate.flags)
    const { until } = await follow(connectHttp2(hub.port), '/events?topic=a')
    const flood = await openRaw(hub.port)
    const closed = new Promise((resolve) => flood.once('close', resolve))
    flood.pause()
    const many = Buffer.concat(Array.from({ length: 10_000 }, () => one))
    const push = (): void => {
      while (!flood.destroyed && flood.write(many));
    }
    flood.on('drain', push)
    push()
    await closed
    const post = { ':method': 'POST', ':path': '/topics/a' }
    expect((await request(connectHttp2(hub.port), post, 'still here')).status).toBe(200)
    await until('still here')
  },
)
