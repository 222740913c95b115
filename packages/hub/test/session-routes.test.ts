// `/sessions/{id}`: an open stream is changed, addressed and ended by its id, at any process of its log.

import { sendRaw, startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { openLiveStream } from './support/live-stream.ts'
import type { LiveStream } from './support/live-stream.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'

const idOf = ({ text }: { readonly text: string }): string =>
  /"session":"([^"]+)"/.exec(text)?.[1] ?? 'none'

const nodeOf = (id: string): string => id.split('.', 1)[0] ?? ''

interface Answer {
  readonly status: number
  readonly body: string
}

async function ask(url: string, method: string, body?: string): Promise<Answer> {
  return send(url, body === undefined ? { method } : { method, body })
}

async function send(url: string, request: RequestInit): Promise<Answer> {
  const answer = await fetch(url, request)
  return { status: answer.status, body: await answer.text() }
}

const patch = (url: string, id: string, change: object): Promise<Answer> =>
  ask(`${url}/sessions/${id}`, 'PATCH', JSON.stringify(change))

async function publish(url: string, topic: string, data: string): Promise<void> {
  expect((await ask(`${url}/topics/${topic}`, 'POST', data)).status).toBe(200)
}

const untilData = (stream: LiveStream, data: string): Promise<void> =>
  waitUntil(`${data} is there`, () => stream.data.includes(data))

test('a stream is changed, spoken to and ended by its id', async () => {
  const { url, port } = await startTestHub()
  const stream = await openLiveStream(port, 'topic=a')
  const id = idOf(stream)
  expect(await patch(url, id, { add: ['b', 'c/*'], remove: ['a'] })).toEqual({
    status: 204,
    body: '',
  })
  await publish(url, 'a', 'no more')
  await publish(url, 'c/1', 'followed')
  await untilData(stream, 'followed')
  expect(await ask(`${url}/sessions/${id}?type=own&topic=x`, 'POST', 'to you alone')).toEqual({
    status: 200,
    body: '{"sent":true}\n',
  })
  await stream.until('event: own\ntopic: x\ndata: to you alone\n')
  expect((await ask(`${url}/sessions/${id}?reason=signed-out`, 'DELETE')).status).toBe(204)
  await stream.until('"reason":"signed-out"')
  expect(stream.data).not.toContain('no more')
  const gone = await ask(`${url}/sessions/${id}`, 'DELETE')
  expect(gone.status).toBe(404)
  expect(JSON.parse(gone.body)).toMatchObject({ code: 'SESSION_NOT_FOUND' })
})

test.each([
  ['earliest', ['0', '1', '2', 'live']],
  ['-1', ['2', 'live']],
  ['1h', ['0', '1', '2', 'live']],
  ['now', ['live']],
])('topics that are added with since %s are replayed from there', async (since, expected) => {
  const { url, port } = await startTestHub()
  for (let i = 0; i < 3; i++) await publish(url, 'b', String(i))
  const stream = await openLiveStream(port, 'topic=a')
  expect(await patch(url, idOf(stream), { add: ['b'], since })).toMatchObject({ status: 204 })
  await publish(url, 'b', 'live')
  await untilData(stream, 'live')
  expect(stream.data).toEqual(expected)
})

test('a client that comes back to its first URL at the other hub goes on with its changed topics', async () => {
  const { first, second } = await startTwo()
  const stream = await openLiveStream(first.port, 'topic=a')
  const change = { add: ['b'], remove: ['a'] }
  expect(await patch(second.url, idOf(stream), change)).toMatchObject({ status: 204 })
  await stream.until('tidemark.topics')
  await publish(first.url, 'b', 'seen')
  await untilData(stream, 'seen')
  const id = /^id: (\S+)\n(?:.*\n)*?data: seen$/m.exec(stream.text)?.[1] ?? ''
  await first.kill('SIGKILL')
  await publish(second.url, 'a', 'not followed')
  await publish(second.url, 'b', 'missed')
  const back = await openLiveStream(second.port, `topic=a&lastEventId=${id}`)
  await publish(second.url, 'b', 'live')
  await untilData(back, 'live')
  expect(back.data).toEqual(['missed', 'live'])
  expect(back.text).toContain('"resumed":"exact"')
})

const nobody = `gone.${'x'.repeat(22)}`

interface Refused {
  readonly what: string
  readonly method: string
  /** Behind the session's id, or a whole one. */
  readonly path: string
  readonly body: string | undefined
  readonly status: number
  readonly code: string
}

const refused: readonly Refused[] = [
  {
    what: 'an id that no node gives',
    method: 'PATCH',
    path: '/sessions/7',
    body: '{"add":["b"]}',
    status: 404,
    code: 'SESSION_NOT_FOUND',
  },
  {
    what: 'an encoded id',
    method: 'PATCH',
    path: '/sessions/a%2Fb',
    body: '{"add":["b"]}',
    status: 404,
    code: 'SESSION_NOT_FOUND',
  },
  {
    what: 'no JSON',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: 'add=b',
    status: 400,
    code: 'BODY_NOT_JSON',
  },
  {
    what: 'no object',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '[]',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'an unknown member',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"ad":["b"]}',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'a name for a list',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"add":"b"}',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'a list of numbers',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"remove":[1]}',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'a number for a cursor',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"from":1}',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'a number for where added topics begin',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"add":["b"],"since":10}',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'no place where added topics could begin',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"add":["b"],"since":"soon"}',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'two places where added topics begin',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"add":["b"],"since":"-1","from":"1abc-1"}',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'no cursor',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"add":["b"],"from":"x"}',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'a topic that is none',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"add":["b//"]}',
    status: 400,
    code: 'TOPIC_INVALID',
  },
  {
    what: 'no topic left',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"remove":["a"]}',
    status: 400,
    code: 'TOPIC_SET_INVALID',
  },
  {
    what: 'the hub’s topic',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"add":["$hub/x"]}',
    status: 403,
    code: 'TOPIC_RESERVED',
  },
  {
    what: 'a number for a token',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"token":7}',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'a token that would begin another header',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"token":"s3cret\\r\\nX-User: eve"}',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'no token',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"token":"","add":["b"]}',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'a token that is longer than a header',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: JSON.stringify({ token: 's3cret'.repeat(2_000) }),
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'a token in place of the body',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '"s3cret"',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'a token behind which the JSON ends too early',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"token":"s3cret',
    status: 400,
    code: 'BODY_NOT_JSON',
  },
  {
    what: 'a token where everybody may everything',
    method: 'PATCH',
    path: '/sessions/{id}',
    body: '{"token":"s3cret","add":["b"]}',
    status: 409,
    code: 'GRANT_MISSING',
  },
  {
    what: 'a parameter',
    method: 'PATCH',
    path: '/sessions/{id}?topic=b',
    body: '{}',
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'a bad type',
    method: 'POST',
    path: '/sessions/{id}?type=tidemark.x',
    body: 'x',
    status: 400,
    code: 'EVENT_TYPE_INVALID',
  },
  {
    what: 'a large event',
    method: 'POST',
    path: '/sessions/{id}',
    body: 'x'.repeat(1_048_577),
    status: 413,
    code: 'EVENT_TOO_LARGE',
  },
  {
    what: 'a bad reason',
    method: 'DELETE',
    path: '/sessions/{id}?reason=Bye',
    body: undefined,
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'no reason',
    method: 'DELETE',
    path: '/sessions/{id}?reason=',
    body: undefined,
    status: 400,
    code: 'QUERY_INVALID',
  },
  {
    what: 'another method',
    method: 'GET',
    path: '/sessions/{id}',
    body: undefined,
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
  },
]

test.each(refused)('$what is refused: $method', async ({ method, path, body, status, code }) => {
  const { url, port } = await startTestHub()
  const stream = await openLiveStream(port, 'topic=a')
  const answer = await ask(url + path.replace('{id}', idOf(stream)), method, body)
  expect(answer.status).toBe(status)
  expect(JSON.parse(answer.body)).toMatchObject({ code })
  expect(answer.body).not.toContain('s3cret')
  await publish(url, 'b', 'not followed')
  await publish(url, 'a', 'still there')
  await untilData(stream, 'still there')
  expect(stream.data).toEqual(['still there'])
})

test.each(['POST', 'PATCH', 'DELETE'])(
  'a web page of another origin may not %s a session',
  async (method) => {
    const { url, port } = await startTestHub()
    const stream = await openLiveStream(port, 'topic=a')
    const body = method === 'DELETE' ? undefined : '{"add":["b"]}'
    const headers = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' }
    const request = { method, headers, ...(body === undefined ? {} : { body }) }
    const answer = await send(`${url}/sessions/${idOf(stream)}`, request)
    expect(answer.status).toBe(403)
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'CROSS_SITE' })
    await publish(url, 'b', 'not followed')
    await publish(url, 'a', 'still there')
    await untilData(stream, 'still there')
    expect(stream.data).toEqual(['still there'])
  },
)

test('of a node that is gone the client is told 504 after six seconds, and may not take it for not found', async () => {
  const { url } = await startTestHub()
  const answer = await patch(url, nobody, { add: ['b'] })
  expect(answer.status).toBe(504)
  expect(JSON.parse(answer.body)).toMatchObject({ code: 'SESSION_UNREACHABLE' })
})

test('with two workers a change reaches its stream, whichever of them it meets', async () => {
  const dataDirectory = await makeDirectory()
  const hub = await startHubProcess({ dataDirectory, args: ['--workers', '2'] })
  onTestFinished(() => hub.stop())
  const { port, url } = hub
  const stream = await openLiveStream(port, 'topic=a')
  const id = idOf(stream)
  const seen = new Set<boolean>()
  for (let i = 0; seen.size < 2 || i < 10; i++) {
    const body = JSON.stringify({ add: [`t/${i}`] })
    const head = `PATCH /sessions/${id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`
    const client = sendRaw(port, head + body)
    onTestFinished(() => void client.socket.destroy())
    await client.until('\r\n\r\n')
    expect(client.text).toMatch(/^HTTP\/1.1 204 /)
    // The same connection is the same worker's: its next session tells the worker's name.
    client.socket.write('GET /events?topic=x HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await client.until('"session":')
    await waitUntil('the name is there', () => idOf(client) !== 'none')
    seen.add(nodeOf(idOf(client)) === nodeOf(id))
    await publish(url, `t/${i}`, `event ${i}`)
    await untilData(stream, `event ${i}`)
  }
})

interface TwoHubs {
  readonly first: HubProcess
  readonly second: HubProcess
  readonly dataDirectory: string
}

async function startTwo(): Promise<TwoHubs> {
  const dataDirectory = await makeDirectory()
  const first = await startHubProcess({ dataDirectory })
  onTestFinished(() => first.stop())
  const second = await startHubProcess({ dataDirectory })
  onTestFinished(() => second.stop())
  return { first, second, dataDirectory }
}

test('with two hubs on one log a stream is changed, spoken to and ended at the other one', async () => {
  const { first, second } = await startTwo()
  const stream = await openLiveStream(first.port, 'topic=a')
  const id = idOf(stream)
  expect(await patch(second.url, id, { add: ['b'], remove: ['a'] })).toMatchObject({ status: 204 })
  await publish(second.url, 'b', 'followed')
  await untilData(stream, 'followed')
  const left = await patch(second.url, id, { remove: ['b'] })
  expect(JSON.parse(left.body)).toMatchObject({ status: 400, code: 'TOPIC_SET_INVALID' })
  const sent = await ask(`${second.url}/sessions/${id}`, 'POST', 'to you alone')
  expect(sent).toEqual({ status: 200, body: '{"sent":true}\n' })
  await untilData(stream, 'to you alone')
  expect((await ask(`${second.url}/sessions/${id}`, 'DELETE')).status).toBe(204)
  await stream.until('"reason":"ended"')
  expect((await patch(second.url, id, { add: ['c'] })).status).toBe(404)
})

test('of requests to a hub that is killed in the middle each is done once or not at all, and what was answered was done', async () => {
  const { first, second, dataDirectory } = await startTwo()
  const stream = await openLiveStream(first.port, 'topic=a')
  const url = `${second.url}/sessions/${idOf(stream)}`
  const answers: Promise<readonly [number, Answer]>[] = []
  const answered: number[] = []
  const begin = (i: number): void => {
    const asked = ask(url, 'POST', `event ${i}`)
    answers.push(asked.then((answer) => [i, answer] as const))
    void asked.then(() => answered.push(i))
  }
  for (let i = 0; i < 60; i++) {
    begin(i)
    if (i === 40) await waitUntil('some are answered', () => answered.length >= 20)
    if (i === 45) void first.kill('SIGKILL')
  }
  await waitUntil('it is killed', () => first.isEnded)
  const again = await startHubProcess({ dataDirectory, port: first.port })
  onTestFinished(() => again.stop())
  const outcomes = await Promise.all(answers)
  expect(new Set(stream.data).size).toBe(stream.data.length)
  const done = outcomes.filter(([, { status }]) => status === 200)
  for (const [i] of done) expect(stream.data).toContain(`event ${i}`)
  expect(done.length).toBeGreaterThanOrEqual(20)
  const lost = outcomes.filter(([, { status }]) => status !== 200)
  expect(lost.length).toBeGreaterThan(0)
  for (const [, { body }] of lost)
    expect(JSON.parse(body)).toMatchObject({ code: 'SESSION_UNREACHABLE' })
  // The client's next stream has another id, and is reached.
  const next = await openLiveStream(again.port, 'topic=a')
  expect(await ask(`${second.url}/sessions/${idOf(next)}`, 'POST', 'on')).toMatchObject({
    status: 200,
  })
  await untilData(next, 'on')
  expect(next.data).toEqual(['on'])
})
