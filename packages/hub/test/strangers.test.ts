// Turns of those who bring no token that is known: a flood waits, and everybody else passes it.

import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { mintToken } from '@tidemark/access'
import { parseIpAddress } from '@tidemark/access/hub'
import type { NodeRequest } from '@tidemark/server/node'
import { sendRaw, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test, vi } from 'vitest'
import { loadConfig, startHub } from '../src/index.ts'
import { Strangers } from '../src/strangers.ts'

const perTurn = 4

function setUp() {
  const known = new Set<string>()
  const strangers = new Strangers(
    { knows: (request) => known.has(request.header('authorization') ?? '') },
    perTurn,
  )
  const begun: string[] = []
  const ask = (name: string, address: string): void => {
    const request = {
      method: 'GET',
      url: '/events',
      headers: { authorization: name },
      socket: { remoteAddress: address },
    } as unknown as IncomingMessage as NodeRequest
    const turn = strangers.turnOf(request, parseIpAddress(address))
    if (turn === undefined) begun.push(name)
    else void turn.then(() => begun.push(name))
  }
  return { known, begun, ask }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('of a flood so many are begun in one turn, and one whose token is known passes them all', async () => {
  const { known, begun, ask } = setUp()
  known.add('ada')
  for (let i = 0; i < 20; i++) ask(`bad ${i}`, '203.0.113.9')
  ask('ada', '203.0.113.9')
  expect(begun).toEqual(['bad 0', 'bad 1', 'bad 2', 'bad 3', 'ada'])
  await nextTurn()
  expect(begun).toHaveLength(5 + perTurn)
  for (let turn = 0; turn < 3; turn++) await nextTurn()
  expect(begun).toHaveLength(21)
})

test('a stranger of another address stands behind one of each address, not behind a flood', async () => {
  const { begun, ask } = setUp()
  for (let i = 0; i < 100; i++) ask(`bad ${i}`, i % 2 === 0 ? '203.0.113.9' : '2001:db8::1')
  // Another address of the same network stands in the same line.
  ask('bad', '2001:db8::2')
  ask('grace', '198.51.100.1')
  await nextTurn()
  expect(begun.slice(perTurn)).toContain('grace')
  expect(begun).not.toContain('bad')
})

test('when a flood is over strangers are begun at once again', async () => {
  const { begun, ask } = setUp()
  for (let i = 0; i < 10; i++) ask(`bad ${i}`, '203.0.113.9')
  for (let turn = 0; turn < 4; turn++) await nextTurn()
  ask('grace', '198.51.100.1')
  expect(begun.at(-1)).toBe('grace')
})

/** A hub in which every request but probes waits until it is let go on. */
async function startWaiting() {
  const turns: (() => void)[] = []
  const asked: NodeRequest[] = []
  const turnOf = vi.spyOn(Strangers.prototype, 'turnOf').mockImplementation((request) => {
    asked.push(request)
    return new Promise((resolve) => turns.push(resolve))
  })
  onTestFinished(() => turnOf.mockRestore())
  const secret = 'a secret of these tests, with more than 32 bytes'
  const flags = { port: '0', data: 'memory:', 'auth-secret': secret }
  const hub = await startHub(loadConfig({ flags, env: {}, directory: tmpdir() }))
  onTestFinished(() => hub.close())
  const claims = { subscribe: ['**'], publish: ['**'], permissions: ['admin'] }
  return { turns, asked, hub, token: await mintToken({ secret, sub: 'ada', ...claims }) }
}

test('a hub lets a stranger wait for its turn, but no probe, and does nothing for one that has left', async () => {
  const { turns, asked, hub, token } = await startWaiting()
  for (const path of ['/livez', '/readyz', '/health'])
    expect((await fetch(hub.url + path)).status).toBe(200)
  expect(turns).toHaveLength(0)

  const headers = { Authorization: `Bearer ${token}` }
  const leaving = new AbortController()
  const left = fetch(`${hub.url}/events?topic=a`, { headers, signal: leaving.signal })
  const stays = fetch(`${hub.url}/topics/a`, { method: 'POST', headers, body: 'x' })
  await waitUntil('both wait', () => turns.length === 2)
  leaving.abort()
  await expect(left).rejects.toThrow(/abort/)
  await waitUntil('the hub has heard', () => asked.some(({ socket }) => socket.destroyed))
  for (const begin of turns) begin()
  expect((await stays).status).toBe(200)
  const answer = fetch(`${hub.url}/stats`, { headers })
  await waitUntil('the operator waits', () => turns.length === 3)
  turns.at(-1)?.()
  expect(await (await answer).json()).toMatchObject({ sessions: { opened: 0 } })
})

test('a request that waited behind one that became a stream is not done', async () => {
  const { turns, hub, token } = await startWaiting()
  const fields = `Host: localhost\r\nAuthorization: Bearer ${token}\r\n`
  const client = sendRaw(
    Number(new URL(hub.url).port),
    `GET /events?topic=a HTTP/1.1\r\n${fields}\r\n` +
      `POST /topics/a HTTP/1.1\r\n${fields}Content-Length: 6\r\n\r\nforged`,
  )
  await waitUntil('both wait', () => turns.length === 2)
  turns[0]?.()
  await waitUntil('the stream is open', () => client.text.includes('tidemark.ready'))
  turns[1]?.()
  await waitUntil('the connection has ended', () => client.isClosed)
  expect(client.text).not.toContain('forged')
})
