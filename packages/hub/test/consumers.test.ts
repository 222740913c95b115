// `consumer=`: a user's next device goes on where the last one was, at any worker and any hub of a log, also
// after kill -9.

import { startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openLiveStream } from './support/live-stream.ts'
import type { LiveStream } from './support/live-stream.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'
import { secret, signToken } from './support/tokens.ts'

const flags = { 'auth-secret': secret, 'anonymous-publish': '**' }

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

const tokenOf = (user: string, permissions: readonly string[] = []): Promise<string> =>
  signToken({ claims: { sub: user, tidemark: { subscribe: ['**'], permissions } } })

/** A device of a user. */
async function openDevice(port: number, user: string, more = ''): Promise<LiveStream> {
  const token = await tokenOf(user)
  return openLiveStream(port, `topic=inbox/${user}&consumer=main&token=${token}${more}`)
}

async function ask(url: string, token: string, init: RequestInit = {}): Promise<Answer> {
  const headers = { Authorization: `Bearer ${token}` }
  const answer = await fetch(url, { ...init, headers })
  return { status: answer.status, body: (await answer.json()) as Answer['body'] }
}

async function publish(url: string, topic: string, data: string): Promise<void> {
  const answer = await fetch(`${url}/topics/${topic}`, { method: 'POST', body: data })
  expect(answer.status).toBe(200)
}

const untilData = (stream: LiveStream, data: string): Promise<void> =>
  waitUntil(`${data} is there`, () => stream.data.includes(data))

interface Listed {
  readonly name: string
  readonly cursor: string
}

async function list(url: string, token: string): Promise<readonly Listed[]> {
  const { body } = await ask(`${url}/consumers`, token)
  return body['consumers'] as readonly Listed[]
}

/** Waits until the kept cursor has moved from one that was seen before. */
async function untilKept(url: string, user: string, before: string | undefined): Promise<string> {
  const token = await tokenOf(user)
  let cursor = ''
  await waitUntil('its place is kept', async () => {
    cursor = (await list(url, token))[0]?.cursor ?? ''
    return cursor !== before
  })
  return cursor
}

test('an offline inbox: what comes while no device is there waits for the next one, also a new one', async () => {
  const { url, port } = await startTestHub({
    ...flags,
    // In a file it is a list; see the guide.
  })
  const root = await tokenOf('root', ['admin'])
  const rules = JSON.stringify([{ pattern: 'inbox/**', startAt: 'earliest' }])
  await ask(`${url}/admin/rules/startAt`, root, { method: 'PUT', body: rules })
  await publish(url, 'inbox/ada', 'before the first device')
  const phone = await openDevice(port, 'ada')
  await untilData(phone, 'before the first device')
  const before = (await list(url, await tokenOf('ada')))[0]?.cursor
  await untilKept(url, 'ada', before)
  phone.socket.destroy()
  await publish(url, 'inbox/ada', 'while nobody is there')
  const tablet = await openDevice(port, 'ada')
  await untilData(tablet, 'while nobody is there')
  expect(tablet.data).toEqual(['while nobody is there'])
})

describe('over HTTP the consumers of a user', () => {
  test('are listed, set back and deleted by the user', async () => {
    const { url, port } = await startTestHub(flags)
    await publish(url, 'inbox/ada', '1')
    const phone = await openDevice(port, 'ada')
    const ada = await tokenOf('ada')
    const one = `${url}/consumers/main`
    expect(await list(url, ada)).toMatchObject([{ name: 'main', cursor: expect.any(String) }])
    const body = '{"since":"earliest"}'
    expect(await ask(one, ada, { method: 'PUT', body })).toMatchObject({
      status: 200,
      body: { name: 'main', cursor: expect.any(String), seenAt: expect.any(Number) },
    })
    await phone.until('"reason":"replaced"')
    const tablet = await openDevice(port, 'ada')
    await untilData(tablet, '1')
    expect(await ask(one, ada, { method: 'DELETE' })).toMatchObject({ status: 200 })
    expect(await ask(one, ada, { method: 'DELETE' })).toMatchObject({
      status: 404,
      body: { code: 'CONSUMER_UNKNOWN' },
    })
    expect(await list(url, ada)).toEqual([])
    await publish(url, 'inbox/ada', '2')
    await untilData(tablet, '2')
  })

  test('are those of nobody else, but for an admin', async () => {
    const { url, port } = await startTestHub(flags)
    const phone = await openDevice(port, 'ada')
    const [bob, root] = [await tokenOf('bob'), await tokenOf('root', ['admin'])]
    expect(await list(url, bob)).toEqual([])
    const requests: readonly [path: string, init: RequestInit][] = [
      ['/consumers?user=ada', {}],
      ['/consumers/main?user=ada', { method: 'PUT', body: '{"since":"now"}' }],
      ['/consumers/main?user=ada', { method: 'DELETE' }],
    ]
    for (const [path, init] of requests) {
      const refused = { status: 403, body: { code: 'USER_DIFFERS' } }
      expect(await ask(`${url}${path}`, bob, init)).toMatchObject(refused)
    }
    await publish(url, 'inbox/ada', '1')
    await untilData(phone, '1')
    for (const [path, init] of requests)
      expect(await ask(`${url}${path}`, root, init)).toMatchObject({ status: 200 })
  })

  test.each<[what: string, path: string, init: RequestInit, refused: object]>([
    ['a place that is none', '/main', { body: '{"since":"soon"}' }, { code: 'CONSUMER_INVALID' }],
    ['the last ten', '/main', { body: '{"since":"-10"}' }, { code: 'CONSUMER_INVALID' }],
    ['no place', '/main', { body: '{}' }, { code: 'CONSUMER_INVALID' }],
    ['what is no JSON', '/main', { body: '{' }, { code: 'BODY_NOT_JSON' }],
    ['a name that is none', '/a%20b', { body: '{}' }, { code: 'CONSUMER_INVALID' }],
    ['a broken escape', '/a%zz', { body: '{}' }, { status: 400 }],
    ['a user without a name', '/main?user=', { body: '{"since":"now"}' }, { status: 400 }],
    ['an unknown parameter', '/main?usr=a', { body: '{}' }, { code: 'QUERY_INVALID' }],
  ])('are not set to %s', async (...[, path, init, refused]) => {
    const { url } = await startTestHub(flags)
    const answer = await ask(`${url}/consumers${path}`, await tokenOf('ada'), {
      method: 'PUT',
      ...init,
    })
    expect(answer).toMatchObject({ status: 400, body: refused })
  })

  test('take a user: visitors are refused, on the stream too', async () => {
    const { url } = await startTestHub({ ...flags, 'anonymous-subscribe': 'inbox/*' })
    for (const path of ['/consumers', '/events?topic=inbox/a&consumer=main']) {
      const answer = await fetch(`${url}${path}`)
      expect(answer.status).toBe(401)
      expect(await answer.json()).toMatchObject({ code: 'UNAUTHENTICATED' })
    }
  })
})

describe('two hubs of two workers each on one data directory', () => {
  const start = async (dataDirectory: string): Promise<HubProcess> => {
    const args = ['--workers=2', '--data=data', `--auth-secret=${secret}`, '--anonymous-publish=**']
    const hub = await startHubProcess({ dataDirectory, args })
    onTestFinished(() => hub.stop())
    return hub
  }

  test('a device goes on at another hub, and after kill -9, and none misses an event', async () => {
    const dataDirectory = await makeDirectory()
    const one = await start(dataDirectory)
    const other = await start(dataDirectory)
    const sent: string[] = []
    const send = async (url: string): Promise<void> => {
      sent.push(`event ${sent.length}`)
      await publish(url, 'inbox/ada', sent.at(-1) ?? '')
    }
    const phone = await openDevice(one.port, 'ada')
    for (let i = 0; i < 5; i++) await send(i % 2 === 0 ? one.url : other.url)
    await untilData(phone, 'event 4')
    // The second one is the same consumer at another hub.
    const tablet = await openDevice(other.port, 'ada')
    await phone.until('"reason":"replaced"')
    for (let i = 0; i < 5; i++) await send(one.url)
    await untilData(tablet, 'event 9')
    const token = await tokenOf('ada')
    const kept = (await list(other.url, token))[0]?.cursor
    await Promise.all([one.kill('SIGKILL'), other.kill('SIGKILL')])
    const again = await start(dataDirectory)
    await send(again.url)
    const laptop = await openDevice(again.port, 'ada')
    await untilData(laptop, 'event 10')
    expect(kept).toEqual(expect.any(String))
    const got = new Set([phone, tablet, laptop].flatMap(({ data }) => data))
    expect([...got].toSorted((a, b) => sent.indexOf(a) - sent.indexOf(b))).toEqual(sent)
    for (const { data } of [phone, tablet, laptop]) expect(new Set(data).size).toBe(data.length)
    await untilKept(again.url, 'ada', kept)
  })
})
