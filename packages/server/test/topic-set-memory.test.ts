// The memory of the topic sets of all sessions: refused in time, counted once where shared, freed however a
// session ends.

import { memoryLog, parseTopicSet } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { collectGarbage, createFakeClock, createRandom } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { createTidemark, ServerError } from '../src/index.ts'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import type { Tidemark } from '../src/index.ts'
import type { Sink, Subscription } from '../src/hub/index.ts'
import { topicSetsBytesMin, topicSetFreeBytes } from '../src/limits.ts'
import { measureTopicSet } from '../src/fan-out/measure-topic-set.ts'
import { serve } from './support/node-server.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

/** A thousand names that no other session has. */
function ownNames(session: number, extra: object = {}): Subscription {
  const topics = Array.from({ length: 1_000 }, (_, i) => `own/${10_000 + session}/${1_000 + i}`)
  return parseSubscriptionBody({ topics, ...extra })
}

const counted = measureTopicSet(ownNames(0).topics) - topicSetFreeBytes
const fitting = Math.floor(topicSetsBytesMin / counted)

function createNode(log: EventLog = memoryLog()): Tidemark {
  return createTidemark({ authorize: 'everyone', log, topicSetsBytesMax: topicSetsBytesMin })
}

async function open(tide: Tidemark, subscription: Subscription): Promise<TestClient> {
  const client = new TestClient()
  await tide.open(client.connect(), subscription)
  return client
}

/** How many sessions with names of their own still fit; they are gone again afterwards. */
async function countFitting(tide: Tidemark): Promise<number> {
  const clients: TestClient[] = []
  try {
    for (let i = 0; ; i++) clients.push(await open(tide, ownNames(5_000 + i)))
  } catch (error) {
    expect(error).toMatchObject({ code: 'FULL' })
    return clients.length
  } finally {
    for (const client of clients) client.connection?.cut()
  }
}

test('sessions with a thousand names of their own each are refused before they take all memory', async () => {
  const tide = createNode()
  const outcomes: unknown[] = []
  for (let i = 0; i < 3 * fitting; i++)
    outcomes.push(await open(tide, ownNames(i)).catch((error: unknown) => error))
  const refusals = outcomes.filter((outcome) => outcome instanceof ServerError)
  expect(refusals).toHaveLength(2 * fitting)
  for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'FULL', isPassing: true })
})

test('many-named sessions that use up the bound keep no ordinary session out', async () => {
  const tide = createNode()
  for (let i = 0; i < fitting; i++) await open(tide, ownNames(i))
  const client = await open(tide, parseSubscriptionBody({ topics: ['orders/42', 'news/*'] }))
  await tide.publish('orders/42', { data: 'still here' })
  await expect.poll(() => client.published.map(({ data }) => data)).toEqual(['still here'])
})

test('an EventSource whose names do not fit now is told when to come back, and then gets in', async () => {
  const tide = createNode()
  const clients: TestClient[] = []
  for (let i = 0; i < fitting; i++) clients.push(await open(tide, ownNames(i)))
  const topics = Array.from({ length: 800 }, (_, i) => `me/${i}`).join(',')
  const server = await serve((request, response) => void tide.subscribe(request, response))
  const ask = (signal?: AbortSignal): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.port}/events?topics=${topics}`, {
      headers: { accept: 'text/event-stream' },
      ...(signal === undefined ? {} : { signal }),
    })
  const refused = await ask()
  expect(refused.status).toBe(200)
  const goodbye = await refused.text()
  expect(goodbye).toMatch(/retry: \d+\n/)
  expect(goodbye).toContain('"reason":"full"')
  clients[0]?.connection?.cut()
  const admitted = new AbortController()
  const answer = await ask(admitted.signal)
  const reader = answer.body?.getReader()
  const first = new TextDecoder().decode((await reader?.read())?.value)
  expect(first).toContain('tidemark.ready')
  admitted.abort()
  await server.close()
})

test('sessions that share their names count once, until the last of them has left', async () => {
  const tide = createNode()
  const clients: TestClient[] = []
  for (let i = 0; i < 5 * fitting; i++) clients.push(await open(tide, ownNames(0)))
  expect(await countFitting(tide)).toBe(fitting - 1)
  for (const client of clients.slice(1)) client.connection?.cut()
  expect(await countFitting(tide)).toBe(fitting - 1)
  clients[0]?.connection?.cut()
  expect(await countFitting(tide)).toBe(fitting)
})

test('names count from the moment a session is being opened, not only once the log has answered', async () => {
  const answers: (() => void)[] = []
  const inner = memoryLog()
  const log = wrapLog(inner, {
    locate: async (query) => {
      // The node's own question, at its start.
      if (query.topics.topics.some((name) => name.startsWith('$hub/'))) return inner.locate(query)
      await new Promise<void>((resolve) => answers.push(resolve))
      return inner.locate(query)
    },
  })
  const tide = createNode(log)
  await tide.ready
  const opening = Array.from({ length: 3 * fitting }, (_, i) =>
    open(tide, ownNames(i, { since: '-1' })).catch((error: unknown) => error),
  )
  await expect.poll(() => answers.length).toBe(fitting)
  for (const answer of answers) answer()
  const refused = (await Promise.all(opening)).filter((result) => result instanceof ServerError)
  expect(refused).toHaveLength(2 * fitting)
})

test('a session that fails while it opens, however it does, leaves nothing counted', async () => {
  let isAway = false
  const inner = memoryLog()
  const log = wrapLog(inner, {
    locate: (query) => (isAway ? Promise.reject(new Error('away')) : inner.locate(query)),
  })
  const tide = createTidemark({
    authorize: 'everyone',
    log,
    topicSetsBytesMax: topicSetsBytesMin,
    sessionsMax: 50,
  })
  isAway = true
  await expect(open(tide, ownNames(1, { since: '-1' }))).rejects.toThrow(/away/)
  isAway = false
  const gone = new TestClient()
  const sink = gone.connect()
  sink.cut()
  await tide.open(sink, ownNames(2))
  const broken: Sink = {
    write: () => true,
    end: () => undefined,
    abort: () => undefined,
    listen: () => {
      throw new Error('middleware at fault')
    },
  }
  await expect(tide.open(broken, ownNames(3))).rejects.toThrow(/middleware/)
  expect(tide.sessionCount).toBe(0)
  expect(await countFitting(tide)).toBe(fitting)
})

test('after thousands of sessions that came, failed, were sent away and came back, every byte is free again', async () => {
  const random = createRandom(9)
  let isAway = false
  const clock = createFakeClock()
  const inner = memoryLog({ clock })
  const log = wrapLog(inner, {
    locate: (query) => (isAway ? Promise.reject(new Error('away')) : inner.locate(query)),
  })
  const tide = createTidemark({
    authorize: 'everyone',
    log,
    clock,
    topicSetsBytesMax: topicSetsBytesMin,
    stalledAfterMs: 1_000,
  })
  const clients: TestClient[] = []
  for (let step = 0; step < 2_000; step++) {
    isAway = random.int(9) === 0
    const client = new TestClient()
    const size = 1 + random.int(39)
    const topics = Array.from({ length: size }, (_, i) => `t/${random.int(29)}/${i}/**`)
    const shape = { topics, since: random.int(1) === 0 ? 'now' : '-1' }
    const opening = tide.open(client.connect(), parseSubscriptionBody(shape))
    if (random.int(9) === 0) client.connection?.cut()
    await opening.then(
      () => clients.push(client),
      () => undefined,
    )
    const leaving = clients[random.int(clients.length)]
    if (random.int(2) > 0) leaving?.connection?.cut()
    else if (random.int(3) === 0) leaving?.connection?.block()
    if (random.int(49) === 0) await tide.publish('t/1/1/x', { data: String(step) })
    if (random.int(199) === 0) clock.advance(10_000)
  }
  isAway = false
  for (const client of clients) client.connection?.cut()
  expect(tide.sessionCount).toBe(0)
  expect(await countFitting(tide)).toBe(fitting)
})

test.each([
  ['short topics', (i: number, j: number) => `a${i}/${j}`],
  ['topics of 256 bytes', (i: number, j: number) => `${i}/${j}/`.padEnd(256, 'x')],
  ['topics in characters of three bytes', (i: number, j: number) => `${i}/${j}/`.padEnd(85, '€')],
  ['patterns of eight segments', (i: number, j: number) => `${i}/${j}/a/a/a/a/a/*`],
])('a thousand %s take no more memory than they count for', async (_, nameOf) => {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog(), topicSetsBytesMax: 1e9 })
  const namesOf = (session: number): string[] =>
    Array.from({ length: 1_000 }, (_name, j) => nameOf(session, j))
  // With a record to look at, each set makes its own tree of patterns.
  await tide.publish('nowhere/at/all', { data: 'x' })
  const clients: TestClient[] = []
  const before = collectGarbage()
  for (let i = 0; i < 30; i++)
    clients.push(await open(tide, parseSubscriptionBody({ topics: namesOf(i), since: 'earliest' })))
  const taken = (collectGarbage() - before) / clients.length
  expect(taken).toBeLessThan(measureTopicSet(parseTopicSet(namesOf(1))))
})
