// Fresh tokens for open streams, handed to whichever worker answers: streams go on, lose what is not granted,
// and end with their grant.

import { sendRaw, startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess, RawClient } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory } from './support/test-hub.ts'
import { secret, signToken } from './support/tokens.ts'

const idOf = (text: string): string => /"session":"([^"]+)"/.exec(text)?.[1] ?? 'none'
const nodeOf = (id: string): string => id.split('.', 1)[0] ?? ''

/** The data of the published events of a stream; control events carry objects. */
const dataOf = ({ text }: RawClient): readonly string[] =>
  [...text.matchAll(/^data: (?!\{)(.*)$/gm)].map(([, data = '']) => data)

async function startTwoWorkers(): Promise<HubProcess> {
  const dataDirectory = await makeDirectory()
  const args = ['--workers=2', `--auth-secret=${secret}`, '--limits-sessions-per-user=none']
  const hub = await startHubProcess({ dataDirectory, args })
  onTestFinished(() => hub.stop())
  return hub
}

const tokenFor = (
  subscribe: readonly string[],
  { seconds = 3_600, user = 'ada' }: { seconds?: number; user?: string } = {},
): Promise<string> =>
  signToken({ seconds, claims: { sub: user, tidemark: { subscribe, publish: ['**'] } } })

async function follow({ port }: HubProcess, query: string, token: string): Promise<RawClient> {
  const client = sendRaw(
    port,
    `GET /events?${query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  )
  onTestFinished(() => void client.socket.destroy())
  await waitUntil('the stream is ready', () => client.text.includes('"session":'))
  return client
}

interface Answer {
  readonly status: number
  readonly body: string
}

async function patch({ url }: HubProcess, id: string, change: object): Promise<Answer> {
  const body = JSON.stringify(change)
  const answer = await fetch(`${url}/sessions/${id}`, { method: 'PATCH', body })
  return { status: answer.status, body: await answer.text() }
}

async function publish({ url }: HubProcess, topic: string, data: string): Promise<void> {
  const headers = { Authorization: `Bearer ${await tokenFor([])}` }
  const answer = await fetch(`${url}/topics/${topic}`, { method: 'POST', body: data, headers })
  expect(answer.status).toBe(200)
}

test('a fresh token prolongs a stream beyond the end of its first one, whichever worker it meets', async () => {
  const hub = await startTwoWorkers()
  const old = await tokenFor(['t/**'], { seconds: 6 })
  const left = await follow(hub, 'topic=t/1', old)
  const renewed = await follow(hub, 'topic=t/1', old)
  await renewed.until('event: tidemark.token')
  const id = idOf(renewed.text)
  const seen = new Set<boolean>()
  for (let i = 0; seen.size < 2 || i < 6; i++) {
    const token = await tokenFor(['t/**'], { seconds: 60 + i })
    const body = JSON.stringify({ token })
    const client = sendRaw(
      hub.port,
      `PATCH /sessions/${id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    onTestFinished(() => void client.socket.destroy())
    await client.until('\r\n\r\n')
    expect(client.text).toMatch(/^HTTP\/1.1 204 /)
    // The same connection is the same worker's: its next session tells the worker's name.
    client.socket.write(
      `GET /events?topic=t/2 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    )
    await client.until('"session":')
    await waitUntil('the name is there', () => idOf(client.text) !== 'none')
    seen.add(nodeOf(idOf(client.text)) === nodeOf(id))
  }
  await left.until('"reason":"expired"')
  await publish(hub, 't/1', 'after the end')
  await renewed.until('data: after the end')
  expect(renewed.text).not.toContain('tidemark.bye')
  expect(renewed.text.split('tidemark.ready')).toHaveLength(2)
})

test('topics that the fresh token does not hold leave the stream, and those added with it come', async () => {
  const hub = await startTwoWorkers()
  const stream = await follow(hub, 'topics=a,b', await tokenFor(['a', 'b']))
  const id = idOf(stream.text)
  const token = await tokenFor(['a', 'c'])
  // Topics that are added beside a token are held against that token.
  const refused = await patch(hub, id, { token, add: ['d'] })
  expect(refused.status).toBe(403)
  expect(JSON.parse(refused.body)).toMatchObject({ code: 'TOPIC_FORBIDDEN' })
  await stream.until('"removed":["b"],"reason":"not-granted"}')
  expect((await patch(hub, id, { token, add: ['c'] })).status).toBe(204)
  for (const topic of ['b', 'c', 'a']) await publish(hub, topic, `of ${topic}`)
  await stream.until('data: of a')
  expect(dataOf(stream)).toEqual(['of c', 'of a'])
  const none = await patch(hub, id, { token: await tokenFor(['z']) })
  expect(none.status).toBe(404)
  await stream.until('"reason":"forbidden"')
})

test('a token of another user, an ended and a forged one change nothing, and no answer says them back', async () => {
  const hub = await startTwoWorkers()
  const stream = await follow(hub, 'topic=a', await tokenFor(['a']))
  const forged = await signToken({ secret: 'another secret that is long enough, it is' })
  const tokens: readonly (readonly [string, number, string])[] = [
    [await tokenFor(['a'], { user: 'eve' }), 403, 'USER_DIFFERS'],
    [await tokenFor(['a'], { seconds: -3_600 }), 401, 'TOKEN_EXPIRED'],
    [forged, 401, 'TOKEN_INVALID'],
    ['s3cret.s3cret.s3cret', 401, 'TOKEN_INVALID'],
  ]
  for (const [token, status, code] of tokens) {
    const answer = await patch(hub, idOf(stream.text), { token, add: ['b'] })
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([status, { code }])
    for (const part of token.split('.')) expect(answer.body).not.toContain(part)
  }
  for (const topic of ['b', 'a']) await publish(hub, topic, `of ${topic}`)
  await stream.until('data: of a')
  expect(dataOf(stream)).toEqual(['of a'])
  expect(hub.output).not.toContain('s3cret')
})
