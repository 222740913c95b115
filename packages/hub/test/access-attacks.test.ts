// Attacks on a hub that asks who is there, over real sockets. A stolen id, a stolen URL or a forged request
// gives nothing to somebody who has nothing else.

import { sendRaw, startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess, RawClient } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory } from './support/test-hub.ts'
import { grantToken, secret, signToken } from './support/tokens.ts'

async function startHub(...more: readonly string[]): Promise<HubProcess> {
  const dataDirectory = await makeDirectory()
  const args = [`--auth-secret=${secret}`, '--limits-sessions-per-user=none', ...more]
  const hub = await startHubProcess({ dataDirectory, args })
  onTestFinished(() => hub.stop())
  return hub
}

const bearer = (token: string): string => `Authorization: Bearer ${token}\r\n`
const idOf = (text: string): string => /"session":"([^"]+)"/.exec(text)?.[1] ?? 'none'

async function openStream(hub: HubProcess, target: string, headers: string): Promise<RawClient> {
  const client = sendRaw(hub.port, `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`)
  onTestFinished(() => void client.socket.destroy())
  await waitUntil('the stream is ready', () => client.text.includes('"session":'))
  return client
}

async function ask(url: string, request: RequestInit): Promise<string> {
  const answer = await fetch(url, request)
  const body = await answer.text()
  const { code = '' } = body.startsWith('{') ? (JSON.parse(body) as { code?: string }) : {}
  return `${answer.status} ${code}`.trim()
}

test('the id of a stream lets nobody change, address or end it but its user and an admin', async () => {
  const hub = await startHub('--workers=2')
  const of = async (sub: string, grant: object): Promise<Record<string, string>> => ({
    Authorization: `Bearer ${await signToken({ claims: { sub, tidemark: grant } })}`,
  })
  const ada = await grantToken({ subscribe: ['a', 'b'], publish: ['a'] })
  const eve = await of('eve', { subscribe: ['**'], publish: ['**'] })
  const strangers: readonly (readonly [Record<string, string>, string])[] = [
    [{}, '401 UNAUTHENTICATED'],
    [eve, '403 USER_DIFFERS'],
  ]
  const stream = await openStream(hub, '/events?topics=a,b', bearer(ada))
  const session = `${hub.url}/sessions/${idOf(stream.text)}`
  const acts: readonly RequestInit[] = [
    { method: 'POST', body: 'forged' },
    { method: 'PATCH', body: '{"remove":["b"]}' },
    { method: 'DELETE' },
  ]
  // Connections are spread over both workers, so that some requests come to the other one.
  for (const [headers, refusal] of strangers)
    for (const act of acts)
      for (let i = 0; i < 4; i++)
        expect(await ask(session, { ...act, headers: { ...headers, Connection: 'close' } })).toBe(
          refusal,
        )
  const admin = await of('root', { permissions: ['admin'] })
  expect(await ask(session, { method: 'POST', body: 'of an admin', headers: admin })).toBe('200')
  const own = { Authorization: `Bearer ${ada}` }
  expect(await ask(session, { method: 'POST', body: 'of its own', headers: own })).toBe('200')
  await stream.until('data: of its own')
  expect(stream.text).not.toContain('forged')
  expect(await ask(session, { method: 'DELETE', headers: own })).toBe('204')
})

test('a request without a credential for a session of a node that never was is refused at once', async () => {
  const hub = await startHub()
  const session = `${hub.url}/sessions/never.${'x'.repeat(22)}`
  expect(await ask(session, { method: 'DELETE' })).toBe('401 UNAUTHENTICATED')
})

/** A ticket's stream, with the URL and the user agent that a log of requests shows. */
async function openByTicket(hub: HubProcess, token: string) {
  const headers = { Authorization: `Bearer ${token}` }
  const answer = await fetch(`${hub.url}/tickets?topic=a`, { method: 'POST', headers })
  const { url } = (await answer.json()) as { url: string }
  const agent = 'User-Agent: a browser\r\n'
  const stream = await openStream(hub, url, agent)
  const cursor = /^id: (\S+)/m.exec(stream.text)?.[1] ?? 'none'
  const comeBack = async (lastEventId: string): Promise<RawClient> => {
    const head = `GET ${url} HTTP/1.1\r\nHost: localhost\r\n${agent}Last-Event-ID: ${lastEventId}\r\n\r\n`
    const client = sendRaw(hub.port, head)
    onTestFinished(() => void client.socket.destroy())
    await client.until('\r\n\r\n')
    return client
  }
  return { stream, cursor, comeBack }
}

test('a thief of a ticket’s URL and user agent does not take its stream over with a made-up cursor', async () => {
  const hub = await startHub()
  const { stream, cursor, comeBack } = await openByTicket(
    hub,
    await grantToken({ subscribe: ['a'] }),
  )
  const madeUp = `1${'0'.repeat(18)}0-1`
  expect((await comeBack(madeUp)).text).toMatch(/^HTTP\/1.1 401 /)
  expect(stream.text).not.toContain('tidemark.bye')
  expect((await comeBack(cursor)).text).toMatch(/^HTTP\/1.1 200 /)
  await stream.until('"reason":"replaced"')
})

test('a ticket has one live stream, also when a fresh token has prolonged the first', async () => {
  const hub = await startHub()
  const { stream, cursor, comeBack } = await openByTicket(
    hub,
    await grantToken({ subscribe: ['a'] }),
  )
  const body = JSON.stringify({ token: await grantToken({ subscribe: ['a'] }) })
  expect(await ask(`${hub.url}/sessions/${idOf(stream.text)}`, { method: 'PATCH', body })).toBe(
    '204',
  )
  expect((await comeBack(cursor)).text).toMatch(/^HTTP\/1.1 200 /)
  await stream.until('"reason":"replaced"')
})
