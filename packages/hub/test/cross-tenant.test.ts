// Two tenants on one hub. One of them has stolen cursors and session ids of the other, and asks which topics
// there are.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { doorNames, openDoors } from './support/ask-doors.ts'
import type { DoorAnswer, DoorName, Doors, Fields } from './support/ask-doors.ts'
import { secret, signToken } from './support/tokens.ts'

let doors: Doors
let directory = ''
let acme: Fields = {}
let globex: Fields = {}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-tenants-'))
  doors = await openDoors({
    directory,
    settings: {
      auth: { secret },
      addresses: { banAfter: 'none' },
      limits: { sessionsPerUser: 'none' },
    },
    access: { tokens: [{ secret }] },
  })
  acme = await signIn('acme')
  globex = await signIn('globex')
})

afterAll(async () => {
  await doors.close()
  await rm(directory, { recursive: true })
})

/** A user of a tenant, who may do everything with its topics. */
async function signIn(tenant: string): Promise<Fields> {
  const names = [`${tenant}/**`]
  const claims = { sub: `ada of ${tenant}`, tidemark: { subscribe: names, publish: names } }
  return { Authorization: `Bearer ${await signToken({ claims })}` }
}

async function publish(door: DoorName, topic: string, data: string): Promise<void> {
  const headers = topic.startsWith('acme/') ? acme : globex
  const asked = { method: 'POST', path: `/topics/${topic}`, headers, body: data }
  expect((await doors.ask(door, asked)).status).toBe(200)
}

const lastId = (text: string): string => [...text.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? ''
const idOf = (text: string): string => /"session":"([^"]+)"/.exec(text)?.[1] ?? ''

describe.each(doorNames)('by %s', (door) => {
  test('a stolen cursor shows its thief nothing of the other tenant', async () => {
    const own = `/events?topics=acme/orders,acme/bills`
    const victim = await doors.stream(door, { path: own, headers: acme })
    await publish(door, 'acme/orders', 'secret of acme 1')
    await victim.until('secret of acme 1')
    const cursor = lastId(victim.text)
    await publish(door, 'acme/orders', 'secret of acme 2')
    await publish(door, 'globex/orders', `one of globex`)
    const stolen = { ...globex, 'Last-Event-ID': cursor }
    const thief = await doors.stream(door, { path: '/events?topic=globex/**', headers: stolen })
    await thief.until('one of globex')
    expect(thief.text).not.toContain('acme')
    for (const topic of ['acme/orders', '**', 'globex/**&topic=acme/orders']) {
      const path = `/events?topic=${topic}&lastEventId=${cursor}`
      const refused = await doors.ask(door, { path, headers: globex })
      expect([refused.status, refused.body.includes('secret')]).toEqual([403, false])
    }
    const path = `/topics/globex/orders?after=${cursor}`
    const page = await doors.ask(door, { path, headers: globex })
    expect(page.body).not.toContain('acme')
  })

  test('a refused client does not learn whether a topic exists', async () => {
    await publish(door, 'acme/there', 'secret of acme')
    const open = await doors.stream(door, { path: '/events?topic=acme/there', headers: acme })
    const [there, gone] = await Promise.all(
      ['acme/there', 'acme/none!'].map((topic) => askAll(door, topic, globex)),
    )
    expect(there).toEqual(gone)
    expect(new Set(there?.map(({ status }) => status))).toEqual(new Set([403]))
    const [seen, unseen] = await Promise.all(
      ['acme/there', 'acme/none!'].map((topic) => askAll(door, topic, {})),
    )
    expect(seen).toEqual(unseen)
    expect(new Set(seen?.map(({ status }) => status))).toEqual(new Set([401]))
    expect(open.text).not.toContain('tidemark.bye')
  })
})

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('by %s', (door) => {
  /** Each with what makes it another user's business. */
  const deeds = [
    { method: 'PATCH', path: '', body: '{"remove":["acme/1"]}' },
    { method: 'PATCH', path: '', body: '{"add":["globex/1"]}' },
    { method: 'PATCH', path: '', body: '{}' },
    { method: 'POST', path: '?type=invoice', body: 'forged' },
    { method: 'POST', path: '?topic=globex/1', body: 'forged' },
    { method: 'DELETE', path: '' },
  ]

  test('a stolen session id lets nobody but its user change, address or end the stream', async () => {
    const path = '/events?topics=acme/1,acme/2'
    const stream = await doors.stream(door, { path, headers: acme })
    const id = idOf(stream.text)
    for (const { path: query, ...deed } of deeds) {
      const asked = { ...deed, path: `/sessions/${id}${query}` }
      const refused = await doors.ask(door, { ...asked, headers: globex })
      expect([refused.status, JSON.parse(refused.body)]).toMatchObject([
        403,
        { code: 'USER_DIFFERS' },
      ])
      const nobody = await doors.ask(door, { ...asked, headers: {} })
      expect([nobody.status, JSON.parse(nobody.body)]).toMatchObject([
        401,
        { code: 'UNAUTHENTICATED' },
      ])
    }
    for (const topic of ['globex/1', 'acme/1']) await publish(door, topic, `of ${topic}`)
    await stream.until('of acme/1')
    expect(stream.text).not.toMatch(/forged|of globex|tidemark\.bye/)
    const own = { method: 'POST', path: `/sessions/${id}`, headers: acme, body: 'to myself' }
    expect((await doors.ask(door, own)).status).toBe(200)
    await stream.until('to myself')
  })

  test('an operator with the permission for it addresses and ends the streams of all', async () => {
    const stream = await doors.stream(door, { path: '/events?topic=acme/1', headers: acme })
    const claims = { sub: 'root', tidemark: { permissions: ['admin'] } }
    const headers = { Authorization: `Bearer ${await signToken({ claims })}` }
    const path = `/sessions/${idOf(stream.text)}`
    expect((await doors.ask(door, { method: 'POST', path, headers, body: 'beware' })).status).toBe(
      200,
    )
    await stream.until('beware')
    expect((await doors.ask(door, { method: 'DELETE', path, headers })).status).toBe(204)
    await stream.until('tidemark.bye')
  })
})

/** All that may be asked about a topic; its name is taken out of the answers. */
async function askAll(
  door: DoorName,
  topic: string,
  headers: Fields,
): Promise<readonly DoorAnswer[]> {
  const cursors = ['', '&since=earliest', '&since=-10', '&lastEventId=x']
  const asked = [
    ...cursors.map((more) => ({ path: `/events?topic=${topic}${more}` })),
    { path: `/events?topic=${topic}`, method: 'HEAD' },
    { path: '/events', method: 'POST', body: JSON.stringify({ topics: [topic] }) },
    { path: `/topics/${topic}` },
    { path: `/topics/${topic}?limit=1` },
    { path: `/topics/${topic}`, method: 'POST', body: 'x' },
  ]
  const answers: DoorAnswer[] = []
  for (const one of asked) {
    const answer = await doors.ask(door, { ...one, headers })
    const { date: _, ...told } = answer.headers
    answers.push({ ...answer, headers: told, body: answer.body.replaceAll(topic, 'topic') })
  }
  return answers
}
