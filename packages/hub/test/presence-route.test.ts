// `GET /presence/{topic}`: who is there, over all workers of a hub, whatever becomes of streams and workers.

import { once } from 'node:events'
import { get } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { createRandom, listChildren, startHubProcess, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory, startTestHub } from './support/test-hub.ts'
import { secret, signToken } from './support/tokens.ts'

interface Present {
  readonly sessions: number
  readonly users: readonly { readonly user: string; readonly sessions: number }[]
  readonly isWhole: boolean
  readonly next?: string
}

interface Place {
  readonly url: string
  readonly token?: string
}

/** An open stream. */
interface Stream {
  readonly user: string
  readonly request: ClientRequest
  readonly response: IncomingMessage
}

function tokenOf(user: string): Promise<string> {
  const tidemark = { subscribe: ['rooms/*', 'rooms/1'], permissions: ['admin'] }
  return signToken({ claims: { sub: user, tidemark } })
}

function headersOf(token?: string): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` }
}

async function ask(
  { url, token }: Place,
  path = '/presence/rooms/1',
): Promise<{ readonly status: number; readonly body: Present & { readonly code?: string } }> {
  // Each on a connection of its own, so that every worker is asked now and then.
  const headers = { ...headersOf(token), connection: 'close' }
  const request = get(`${url}${path}`, { headers, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string
  return { status: response.statusCode ?? 0, body: JSON.parse(text) as Present }
}

async function putRules({ url, token }: Place, rules: unknown): Promise<void> {
  const answer = await fetch(`${url}/admin/rules/presence`, {
    method: 'PUT',
    body: JSON.stringify(rules),
    headers: headersOf(token),
  })
  expect(answer.status).toBe(200)
}

/** Undefined where the worker that was asked has died. */
async function open(url: string, user: string, token: string): Promise<Stream | undefined> {
  const headers = { ...headersOf(token), accept: 'text/event-stream' }
  const request = get(`${url}/events?topic=rooms/1`, { headers, agent: false })
  request.on('error', () => undefined)
  try {
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.on('error', () => undefined).resume()
    return response.statusCode === 200 ? { user, request, response } : undefined
  } catch {
    return undefined
  }
}

test('a topic whose rule says so tells who is there, and its stream tells of joins and leaves', async () => {
  const { url } = await startTestHub()
  expect(await ask({ url })).toMatchObject({ status: 404, body: { code: 'PRESENCE_OFF' } })
  await putRules({ url }, [{ pattern: 'rooms/*', joins: true }])
  const stream = await open(url, 'nobody', '')
  await waitUntil('one is there', async () => (await ask({ url })).body.sessions === 1)
  expect((await ask({ url })).body).toEqual({
    topic: 'rooms/1',
    sessions: 1,
    users: [],
    isWhole: true,
  })
  stream?.request.destroy()
  await waitUntil('nobody is there', async () => (await ask({ url })).body.sessions === 0)
})

test.each([
  ['a pattern', 'rooms/*', { status: 400, code: 'PATH_INVALID' }],
  ['a topic that is none', 'rooms//1', { status: 400, code: 'TOPIC_INVALID' }],
  ['a limit of nothing', 'rooms/1?limit=0', { status: 400, code: 'QUERY_INVALID' }],
  ['a limit beyond 1,000', 'rooms/1?limit=1001', { status: 400, code: 'QUERY_INVALID' }],
  ['a parameter that there is not', 'rooms/1?user=ada', { status: 400, code: 'QUERY_INVALID' }],
  ['a topic of the hub', '$hub/probe', { status: 404, code: 'PRESENCE_OFF' }],
  ['a topic without a rule', 'news', { status: 404, code: 'PRESENCE_OFF' }],
])('presence of %s is refused', async (_what, asked, { status, code }) => {
  const { url } = await startTestHub()
  await putRules({ url }, [{ pattern: 'rooms/*' }])
  expect(await ask({ url }, `/presence/${asked}`)).toMatchObject({ status, body: { code } })
})

test('presence is for those who may read the topic', async () => {
  const { url } = await startTestHub({ 'auth-secret': secret })
  const token = await tokenOf('ada')
  await putRules({ url, token }, [{ pattern: '**' }])
  expect(await ask({ url })).toMatchObject({ status: 401 })
  expect(await ask({ url, token })).toMatchObject({ status: 200, body: { sessions: 0 } })
  expect(await ask({ url, token }, '/presence/news')).toMatchObject({
    status: 403,
    body: { code: 'TOPIC_FORBIDDEN' },
  })
})

test('presence is true after 1,000 streams that open, close and are cut over two workers, one of which is killed', async () => {
  const random = createRandom(20_261_128)
  const dataDirectory = await makeDirectory()
  const args = [
    '--workers=2',
    '--data=data',
    `--auth-secret=${secret}`,
    '--limits-sessions-per-user=none',
  ]
  const hub = await startHubProcess({ dataDirectory, args })
  onTestFinished(() => hub.stop())
  const users = Array.from({ length: 40 }, (_, i) => `user-${i}`)
  const tokens = new Map<string, string>()
  for (const user of users) tokens.set(user, await tokenOf(user))
  const admin = { url: hub.url, token: tokens.get('user-0') ?? '' }
  await putRules(admin, [{ pattern: 'rooms/*', joins: true }])
  const streams = new Set<Stream>()
  onTestFinished(() => {
    for (const { request } of streams) request.destroy()
  })
  const connect = async (): Promise<void> => {
    const user = random.pick(users)
    const stream = await open(hub.url, user, tokens.get(user) ?? '')
    if (stream === undefined) return
    streams.add(stream)
    stream.response.once('close', () => streams.delete(stream))
  }
  const leave = (): void => {
    if (streams.size === 0) return
    const stream = random.pick([...streams])
    streams.delete(stream)
    if (random.int(2) === 0) stream.request.destroy()
    else stream.request.socket?.resetAndDestroy()
  }
  let connects = 0
  while (connects < 1_000) {
    if (connects === 500) {
      const [worker = 0] = listChildren(hub.pid ?? 0)
      process.kill(worker, 'SIGKILL')
    }
    const batch = Array.from({ length: 10 }, () => connect())
    connects += batch.length
    await Promise.all(batch)
    while (streams.size > 60 || (streams.size > 0 && random.int(3) > 0)) leave()
  }
  const expected = (): string => {
    const counts = new Map<string, number>()
    for (const { user } of streams) counts.set(user, (counts.get(user) ?? 0) + 1)
    return [...counts.keys()]
      .toSorted()
      .map((user) => `${user}:${counts.get(user)}`)
      .join()
  }
  const isTrue = async (): Promise<boolean> => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(admin)))
    return answers.every(({ body }) => {
      const found = body.users.map(({ user, sessions }) => `${user}:${sessions}`).join()
      return body.isWhole && body.sessions === streams.size && found === expected()
    })
  }
  await waitUntil('both workers know who is there', isTrue)
  const listTold = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
    const told = new Map<string, string[]>()
    let after = ''
    for (;;) {
      const path = `/topics/rooms/1?limit=1000${after}`
      const { records, next } = (await ask(admin, path)).body as unknown as {
        readonly records: readonly { readonly type: string; readonly data: string }[]
        readonly next: string
      }
      for (const { type, data } of records) {
        const { user } = JSON.parse(data) as { user: string }
        told.set(user, [...(told.get(user) ?? []), type])
      }
      if (records.length === 0) return told
      after = `&after=${next}`
    }
  }
  await waitUntil('all who are there have joined, and the others have left', async () => {
    const told = await listTold()
    return users.every((user) => {
      const isThere = [...streams].some((stream) => stream.user === user)
      return (
        told.get(user)?.at(-1) === (isThere ? 'tidemark.join' : told.get(user) && 'tidemark.leave')
      )
    })
  })
  for (const [user, types] of await listTold()) {
    const wrong = types.findIndex(
      (type, i) => type !== `tidemark.${i % 2 === 0 ? 'join' : 'leave'}`,
    )
    expect([user, wrong]).toEqual([user, -1])
  }
})
