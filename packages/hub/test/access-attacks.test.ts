// Attacks on a hub that asks who is there, over real sockets: what a stolen id, a stolen URL and a forged
// request give to somebody who has nothing else.

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
