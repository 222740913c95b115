// Topics that are occupied and vacated, as two nodes tell it: each time once, and in turns.

import { LogError, formatCursor, memoryLog, parseTopicSet, systemClock } from '@tidemark/log'
import type { EventLog, EventRecord } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import type { SessionHandle, Tidemark } from '@tidemark/server'
import { parseSubscriptionBody } from '@tidemark/server/hub'
import type { Sink } from '@tidemark/server/hub'
import { createRandom, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import type { WebhookConfig } from '../src/config/hub-config.ts'
import { TopicEvents, topicTopics } from '../src/webhooks/topic-events.ts'
import { describeUnseenTopics } from '../src/webhooks/unseen-topics.ts'

interface Node {
  readonly tide: Tidemark
  readonly open: (...topics: readonly string[]) => Promise<SessionHandle>
  readonly close: () => Promise<void>
}

interface NodeOptions {
  readonly onError?: (error: unknown) => void
}

const sink: Sink = { write: () => true, end() {}, abort() {}, listen() {} }

async function startNode(
  log: EventLog,
  seed: number,
  { onError }: NodeOptions = {},
): Promise<Node> {
  const rules = { presence: [{ pattern: 'rooms/*' }] }
  const tide = createTidemark({ log, rules, authorize: 'everyone', nodeName: `node${seed}` })
  await tide.ready
  const events = await TopicEvents.open({
    log,
    clock: systemClock,
    random: createRandom(seed).next,
    present: tide.presentTopics,
    onError(error) {
      if (onError === undefined) throw error
      onError(error)
    },
  })
  const close = async (): Promise<void> => {
    await tide.close()
    events.close()
  }
  onTestFinished(close)
  return {
    tide,
    open: (...topics) => tide.open({ ...sink }, parseSubscriptionBody({ topics })),
    close,
  }
}

async function readAll(log: EventLog): Promise<readonly EventRecord[]> {
  const { first, head } = await log.bounds()
  const topics = parseTopicSet([topicTopics])
  const found: EventRecord[] = []
  let after = first
  for (;;) {
    const { records, next } = await log.read({ topics, after, upTo: head, limit: 1_000 })
    if (records.length === 0 && formatCursor(next) === formatCursor(head)) return found
    found.push(...records)
    after = next
  }
}

const told = async (log: EventLog, topic: string): Promise<readonly string[]> =>
  (await readAll(log)).filter(({ key }) => key === topic).map(({ type }) => type)

const [occupied, vacated] = ['topic.occupied', 'topic.vacated']

test('a topic is occupied with its first session and vacated with its last, over all nodes', async () => {
  const log = memoryLog()
  const [one, two] = [await startNode(log, 1), await startNode(log, 2)]
  const first = await one.open('rooms/a', 'other/a')
  await waitUntil('it is told', async () => (await told(log, 'rooms/a')).length === 1)
  const second = await two.open('rooms/a')
  await first.end('done')
  const short = await two.open('rooms/b')
  await waitUntil('it is told', async () => (await told(log, 'rooms/b')).length === 1)
  await short.end('done')
  // Behind it, the topic that is still occupied would have been told of too.
  await waitUntil('the end is told', async () => (await told(log, 'rooms/b')).length === 2)
  expect(await told(log, 'rooms/a')).toEqual([occupied])
  await second.end('done')
  await waitUntil('the end is told', async () => (await told(log, 'rooms/a')).length === 2)
  expect(await told(log, 'rooms/a')).toEqual([occupied, vacated])
  expect(await told(log, 'other/a')).toEqual([])
})

test('a session that is back within 3 seconds cancels it, on whichever node', async () => {
  const log = memoryLog()
  const [one, two] = [await startNode(log, 1), await startNode(log, 2)]
  const leaving = [await one.open('rooms/a'), await one.open('rooms/b')]
  await waitUntil('both are told', async () => (await readAll(log)).length === 2)
  const leftAt = systemClock.now()
  for (const session of leaving) await session.end('done')
  await two.open('rooms/a')
  await waitUntil('the other is vacated', async () => (await told(log, 'rooms/b')).length === 2)
  expect(await told(log, 'rooms/a')).toEqual([occupied])
  const last = (await readAll(log)).at(-1)
  expect((last?.time ?? 0) - leftAt).toBeGreaterThanOrEqual(3_000)
})

test('a topic whose node has gone is vacated by another one, or by the next that starts', async () => {
  const log = memoryLog()
  const first = await startNode(log, 1)
  await first.open('rooms/a')
  await waitUntil('it is told', async () => (await told(log, 'rooms/a')).length === 1)
  await first.close()
  await startNode(log, 2)
  await waitUntil('it is vacated', async () => (await told(log, 'rooms/a')).length === 2)
  expect(await told(log, 'rooms/a')).toEqual([occupied, vacated])
})

test('a topic that no rule is for any more is vacated, and one that a new rule is for is occupied', async () => {
  const log = memoryLog()
  const { tide, open } = await startNode(log, 1)
  await open('rooms/a')
  await open('halls/a')
  await waitUntil('it is told', async () => (await told(log, 'rooms/a')).length === 1)
  expect(await told(log, 'halls/a')).toEqual([])
  await tide.rules.presence.replace([{ pattern: 'halls/*' }])
  await waitUntil('it is told', async () => (await told(log, 'halls/a')).length === 1)
  await waitUntil('it is vacated', async () => (await told(log, 'rooms/a')).length === 2)
})

test('whatever sessions do on two nodes, a topic is occupied and vacated in turns, and ends as it is', async () => {
  const log = memoryLog()
  const nodes = [await startNode(log, 1), await startNode(log, 2)]
  const random = createRandom(9)
  const topics = ['rooms/a', 'rooms/b', 'rooms/c', 'rooms/d']
  const sessions: { readonly topic: string; readonly handle: SessionHandle }[] = []
  for (let step = 0; step < 300; step++) {
    if (sessions.length > 0 && random.next() < 0.55) {
      const [gone] = sessions.splice(random.int(sessions.length - 1), 1)
      await gone?.handle.end('done')
    } else {
      const topic = random.pick(topics)
      sessions.push({ topic, handle: await random.pick(nodes).open(topic) })
    }
  }
  const isThere = (topic: string): boolean => sessions.some((session) => session.topic === topic)
  for (const topic of topics) {
    const last = isThere(topic) ? occupied : vacated
    await waitUntil(`${topic} is told`, async () => {
      const types = await told(log, topic)
      return types.at(-1) === last || (types.length === 0 && last === vacated)
    })
    const types = await told(log, topic)
    expect(types).toEqual(types.map((_, i) => (i % 2 === 0 ? occupied : vacated)))
  }
})

test('a topic for which the ledger had no room is told when another one is vacated', async () => {
  const log = memoryLog()
  const occupiedNow = new Set<string>()
  const tail = log.tail((await log.bounds()).head, {
    records(records) {
      for (const { topic, type, key = '' } of records) {
        if (topic !== '$hub/state/occupied') continue
        if (type === 'claim') occupiedNow.add(key)
        else occupiedNow.delete(key)
      }
    },
  })
  onTestFinished(() => tail.close())
  const full = new Proxy(log, {
    get(target, name: keyof EventLog) {
      if (name === 'append') return append
      const value: unknown = target[name]
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  const append: EventLog['append'] = (batch) => {
    const [first] = batch.events
    const isClaim = first?.topic === '$hub/state/occupied' && first.type === 'claim'
    if (isClaim && occupiedNow.size >= 2)
      return Promise.reject(new LogError('LEDGER_FULL', 'It is full.'))
    return log.append(batch)
  }
  const errors: unknown[] = []
  const { open } = await startNode(full, 1, { onError: (error) => errors.push(error) })
  const first = await open('rooms/a')
  await open('rooms/b')
  await waitUntil('both are told', async () => (await readAll(log)).length === 2)
  const gone = await open('rooms/c')
  await open('rooms/d')
  await waitUntil('it is full', () => errors.length > 0)
  await gone.end('done')
  await first.end('done')
  await waitUntil('there is room', async () => (await told(log, 'rooms/d')).length === 1)
  expect(await told(log, 'rooms/a')).toEqual([occupied, vacated])
  expect(await told(log, 'rooms/c')).toEqual([])
  expect(errors).toEqual([expect.objectContaining({ code: 'LEDGER_FULL' })])
})

test.each([
  [[], true],
  [['halls/*'], true],
  [['halls/*', 'rooms/7'], false],
  [['**'], false],
])('with rules of presence for %j it is said at the start: %s', (patterns, isSaid) => {
  const webhook = { id: 'billing', url: 'https://a.example', secret: '', pattern: 'rooms/**' }
  const rules = patterns.map((pattern) => ({ pattern }))
  const describe = (...events: string[]): readonly string[] =>
    describeUnseenTopics({ webhooks: [{ ...webhook, events } as WebhookConfig] }, rules)
  expect(describe('event', 'topic.vacated')).toHaveLength(isSaid ? 1 : 0)
  expect(describe('event')).toEqual([])
})
