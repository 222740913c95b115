// Limits of a hub of two workers: the supervising process counts, and the log knows the sessions of users.

import { createHmac } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { countQuestionsMax } from '@tidemark/access/hub'
import {
  createFakeClock,
  listChildren,
  sendRaw,
  startHubProcess,
  waitUntil,
} from '@tidemark/testkit'
import type { HubProcess, RawClient } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { RemoteCounts } from '../src/workers/remote-counts.ts'
import type { FromWorker } from '../src/workers/messages.ts'
import { exchange } from './support/raw.ts'
import { makeDirectory } from './support/test-hub.ts'

const secret = 'a secret of forty characters and not less'

/** A token as any application would make it (RFC 7515, HS256). */
function sign(user: string): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  const exp = Math.floor(Date.now() / 1_000) + 600
  const claims = {
    sub: user,
    exp,
    tidemark: { subscribe: ['**'], publish: ['**'], permissions: ['admin'] },
  }
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

async function startWorkers(settings: object, dataDirectory?: string): Promise<HubProcess> {
  const data = dataDirectory ?? (await makeDirectory())
  const file = join(data, 'tidemark.config.json')
  const whole = { auth: { secret }, addresses: { trustProxy: ['loopback'] }, ...settings }
  await writeFile(file, JSON.stringify(whole))
  const hub = await startHubProcess({
    dataDirectory: join(data, 'log'),
    args: ['--workers', '2', '--config', file],
  })
  onTestFinished(() => hub.stop())
  return hub
}

function head(user: string | undefined, path = '/events?topic=a', from = '203.0.113.9'): string {
  const token = user === undefined ? '' : `Authorization: Bearer ${sign(user)}\r\n`
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: ${from}\r\n${token}`
}

async function openReady({ port }: HubProcess, user: string) {
  const client = sendRaw(port, `${head(user)}Accept: text/event-stream\r\n\r\n`)
  onTestFinished(() => void client.socket.destroy())
  await waitUntil('it is answered', () => /tidemark\.(ready|bye)|HTTP\/1\.1 4/.test(client.text))
  return client
}

const ask = ({ port }: HubProcess, request: string) =>
  exchange(port, [`${request}Connection: close\r\n\r\n`])

test('a user has three streams on both workers together, and the oldest of them makes room', async () => {
  const hub = await startWorkers({})
  const clients: RawClient[] = []
  for (let i = 0; i < 9; i++) clients.push(await openReady(hub, 'ada'))
  const isReplaced = (): boolean[] =>
    clients.map(({ text }) => text.includes('"reason":"replaced"'))
  await waitUntil('the oldest are replaced', () => isReplaced().filter(Boolean).length === 6)
  expect(isReplaced()).toEqual([...Array.from({ length: 6 }, () => true), false, false, false])
})

test('an address opens as many streams as it may on both workers together', async () => {
  const limits = { streamsPerAddress: 10, sessionsPerUser: 'none' }
  const hub = await startWorkers({ limits })
  const clients = await Promise.all(Array.from({ length: 14 }, () => openReady(hub, 'ada')))
  const ready = clients.filter(({ text }) => text.includes('tidemark.ready'))
  expect(ready).toHaveLength(10)
  // A worker that replaces a dead one knows what was counted.
  const [worker = 0] = listChildren(hub.pid ?? 0)
  process.kill(worker, 'SIGKILL')
  await waitUntil('another serves', () => {
    // On a busy machine the killed one is listed for a while.
    const children = listChildren(hub.pid ?? 0)
    return children.length === 2 && !children.includes(worker)
  })
  const late = await openReady(hub, 'ada')
  expect(late.text).toContain('tidemark.bye')
})

test('an address has as many open streams as it may, and a worker that dies gives its places back', async () => {
  const limits = { sessionsPerAddress: 4, sessionsPerUser: 'none' }
  const hub = await startWorkers({ limits })
  const first = await Promise.all(Array.from({ length: 6 }, () => openReady(hub, 'ada')))
  expect(first.filter(({ text }) => text.includes('tidemark.ready'))).toHaveLength(4)
  for (const worker of listChildren(hub.pid ?? 0)) process.kill(worker, 'SIGKILL')
  await waitUntil('the streams are gone', () => first.every(({ isClosed }) => isClosed))
  await waitUntil('a place is free', async () => {
    const client = sendRaw(hub.port, `${head('ada')}Accept: text/event-stream\r\n\r\n`)
    await waitUntil(
      'it is answered or closed',
      () => client.isClosed || client.text.includes('tidemark.'),
    )
    client.socket.destroy()
    return client.text.includes('tidemark.ready')
  })
})

test('refusals at both workers ban an address on both, and the ban is there after a restart', async () => {
  const data = await makeDirectory()
  const hub = await startWorkers({}, data)
  const refuse = () => ask(hub, head(undefined, '/topics/a'))
  for (let i = 0; i < 20; i++) await refuse()
  const status = async (one: HubProcess) => (await ask(one, head(undefined, '/livez'))).status
  await waitUntil('it is banned', async () => (await status(hub)) === 403)
  const statuses = await Promise.all(Array.from({ length: 10 }, () => status(hub)))
  expect(new Set(statuses)).toEqual(new Set([403]))
  const listed = await ask(hub, head('root', '/admin/addresses', '198.51.100.1'))
  expect(JSON.parse(listed.body)).toMatchObject({
    banned: [{ address: '203.0.113.9', kind: 'ban' }],
    suspicious: [{ address: '203.0.113.9' }],
  })
  await hub.stop()
  expect(await status(await startWorkers({}, data))).toBe(403)
})

test('a worker that gets no answer lets requests in, and tells the operator once', async () => {
  const clock = createFakeClock()
  const told: FromWorker[] = []
  const lines: string[] = []
  const counts = new RemoteCounts({
    clock,
    tell: (message) => told.push(message),
    say: (text) => lines.push(text),
  })
  const asked = [counts.take('streams', 'x'), counts.enter('x'), counts.report([])] as const
  clock.advance(1_000)
  expect(await Promise.all(asked)).toEqual([undefined, true, []])
  expect(lines).toHaveLength(1)
  expect(clock.pending).toBe(0)
  // An answer that comes too late is nobody's, and the next silence is told again.
  counts.heard(1, {})
  const again = counts.enter('x')
  counts.heard(4, { isIn: false })
  expect(await again).toBe(false)
  const silent = counts.enter('x')
  clock.advance(1_000)
  await silent
  expect(lines).toHaveLength(2)
  expect(told.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => 'count'))
  // A flood of questions does not gather either.
  const flood = Array.from({ length: countQuestionsMax }, () => counts.enter('x'))
  expect(await counts.enter('x')).toBe(true)
  expect(told).toHaveLength(5 + countQuestionsMax)
  clock.advance(1_000)
  await Promise.all(flood)
})

test('a stream that was let in without an answer gives back no place of others, and a late one keeps none', async () => {
  const clock = createFakeClock()
  const told: FromWorker[] = []
  const counts = new RemoteCounts({
    clock,
    tell: (message) => told.push(message),
    say: () => undefined,
  })
  const unanswered = async (): Promise<void> => {
    const asked = counts.enter('x')
    clock.advance(1_000)
    expect(await asked).toBe(true)
  }
  const countLeaves = (): number =>
    told.filter((each) => each.kind === 'count' && each.question.call === 'leave').length
  await unanswered()
  counts.leave('x')
  expect(countLeaves()).toBe(0)
  // Its place was taken after it had left.
  counts.heard(1, { isIn: true })
  expect(countLeaves()).toBe(1)
  // Here the place is taken while the stream is there, so that it gives back that one.
  await unanswered()
  counts.heard(2, { isIn: true })
  counts.leave('x')
  expect(countLeaves()).toBe(2)
  await unanswered()
  counts.heard(3, { isIn: false })
  counts.leave('x')
  expect(countLeaves()).toBe(2)
})
