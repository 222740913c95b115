// Lag rules that change while nodes run: all nodes of a log follow the same, from the same position on.

import { comparePositions, memoryLog, parseCursor, parseTopicSet } from '@tidemark/log'
import type { EventLog, TailHandler } from '@tidemark/log'
import { encodeRules, rulesTopic } from '@tidemark/log/rules'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import { createTidemark } from '../src/index.ts'
import type { LagRule, Tidemark, TidemarkOptions } from '../src/index.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'

const conflate: readonly LagRule[] = [{ pattern: 'prices/*', whenLagging: 'conflate' }]
const drop: readonly LagRule[] = [{ pattern: 'prices/*', whenLagging: 'drop' }]

async function settleAll(): Promise<void> {
  for (let i = 0; i < 60; i++) await settle()
}

async function createNode(log: EventLog, options: Partial<TidemarkOptions> = {}) {
  const errors: unknown[] = []
  const onError = (error: unknown) => errors.push(error)
  const tide = createTidemark({ log, clock: createFakeClock(), onError, ...options })
  await tide.ready
  return Object.assign(tide, { errors })
}

/** The events that a session of a node gets of ten that come while its socket takes nothing. */
async function lagBehind(tide: Tidemark): Promise<readonly string[]> {
  const client = new TestClient()
  const sink = client.connect()
  await tide.open(sink, parseSubscriptionQuery(new URLSearchParams('topic=prices/*'), undefined))
  await settleAll()
  sink.block()
  await tide.publish('prices/a', { data: 'last' })
  await settleAll()
  for (let i = 0; i < 10; i++) await tide.publish('prices/a', { data: `${i}`, key: `${i % 2}` })
  await settleAll()
  sink.unblock()
  await settleAll()
  await settleAll()
  return client.published.map(({ data }) => data)
}

const everything = ['last', ...Array.from({ length: 10 }, (_, i) => `${i}`)]

async function readRules(log: EventLog) {
  const { first, head } = await log.bounds()
  const topics = parseTopicSet([rulesTopic])
  return (await log.read({ topics, after: first, upTo: head, limit: 100 })).records
}

test('rules set on one node hold on every node of the log, from the cursor it answers with', async () => {
  const log = memoryLog()
  const [one, other] = [await createNode(log), await createNode(log)]
  expect(await lagBehind(other)).toEqual(everything)
  const cursor = await one.rules.lag.replace(conflate)
  await settleAll()
  for (const tide of [one, other]) {
    expect(tide.rules.lag.list).toEqual(conflate)
    expect(tide.rules.lag.from).toBe('change')
    expect(await lagBehind(tide)).toEqual(['last', '8', '9'])
  }
  const [record] = await readRules(log)
  const position = parseCursor(cursor)?.position
  expect(record && position && comparePositions(record.position, position)).toBe(0)
  await other.rules.lag.replace([])
  await settleAll()
  expect(await lagBehind(one)).toEqual(everything)
})

test('a laggard that catches up after a change is served by the new rules', async () => {
  const tide = await createNode(memoryLog())
  const client = new TestClient()
  const sink = client.connect()
  await tide.open(sink, parseSubscriptionQuery(new URLSearchParams('topic=prices/*'), undefined))
  await settleAll()
  sink.block()
  await tide.publish('prices/a', { data: 'last' })
  await settleAll()
  for (let i = 0; i < 10; i++) await tide.publish('prices/a', { data: `${i}` })
  await tide.rules.lag.replace(conflate)
  await settleAll()
  sink.unblock()
  await settleAll()
  await settleAll()
  expect(client.published.map(({ data }) => data)).toEqual(['last', '9'])
})

test('a restart with the same configuration leaves alone what was changed at run time, another configuration replaces it', async () => {
  const log = memoryLog()
  const first = await createNode(log, { rules: { lag: conflate } })
  expect(first.rules.lag.from).toBe('configuration')
  await first.rules.lag.replace(drop)
  await settleAll()
  const again = await createNode(log, { rules: { lag: conflate } })
  expect(again.rules.lag.list).toEqual(drop)
  expect(again.rules.lag.from).toBe('change')
  const edited = await createNode(log, { rules: { lag: [] } })
  await settleAll()
  for (const tide of [first, again, edited]) expect(tide.rules.lag.list).toEqual([])
  expect(edited.rules.lag.from).toBe('configuration')
})

test('of two nodes with different configurations the last one made has its way on both', async () => {
  const log = memoryLog()
  const one = await createNode(log, { rules: { lag: conflate } })
  const other = await createNode(log, { rules: { lag: drop } })
  await settleAll()
  expect([one.rules.lag.list, other.rules.lag.list]).toEqual([drop, drop])
  const back = await createNode(log, { rules: { lag: conflate } })
  await settleAll()
  expect([one.rules.lag.list, other.rules.lag.list, back.rules.lag.list]).toEqual([
    conflate,
    conflate,
    conflate,
  ])
})

test('a node that says nothing of lag rules follows what others have configured', async () => {
  const log = memoryLog()
  await createNode(log, { rules: { lag: conflate } })
  const quiet = await createNode(log)
  expect(quiet.rules.lag.list).toEqual(conflate)
  expect(await lagBehind(quiet)).toEqual(['last', '8', '9'])
})

test('a log whose nodes have no lag rules gets no record of them', async () => {
  const log = memoryLog()
  await createNode(log)
  await createNode(log, { rules: { lag: [] } })
  expect(await readRules(log)).toEqual([])
})

test('workers that start together with another configuration write one change', async () => {
  const log = memoryLog()
  await createNode(log, { rules: { lag: drop } })
  const { head } = await log.bounds()
  const workers = await Promise.all(
    Array.from({ length: 8 }, () => createNode(log, { rules: { lag: conflate } })),
  )
  const after = (await log.bounds()).head
  const topics = parseTopicSet([rulesTopic])
  const written: string[] = []
  log.tail(head, { records: (records) => written.push(...records.map(({ key }) => key ?? '')) })
  await settleAll()
  expect(written).toEqual(['lag', 'lag.configured'])
  expect((await log.read({ topics, after: head, upTo: after, limit: 9 })).records).toHaveLength(2)
  for (const tide of workers) expect(tide.rules.lag.list).toEqual(conflate)
})

test('rules that break the rules are refused before anything is stored', async () => {
  const log = memoryLog()
  const tide = await createNode(log, { rules: { lag: conflate } })
  const many = Array.from({ length: 1_001 }, () => ({ pattern: 'a', whenLagging: 'drop' as const }))
  const bad = [
    [{ pattern: 'a//b', whenLagging: 'drop' }],
    [{ pattern: 'a', whenLagging: 'forget' }],
    many,
    null,
  ]
  for (const rules of bad) {
    await expect(tide.rules.lag.replace(rules as readonly LagRule[])).rejects.toMatchObject({
      code: 'RULE_INVALID',
    })
  }
  expect(tide.rules.lag.list).toEqual(conflate)
  expect(await readRules(log)).toHaveLength(2)
})

test('rules in the log that a node cannot read leave the ones before in force, and are told', async () => {
  const log = memoryLog()
  const tide = await createNode(log, { rules: { lag: conflate } })
  const rules = [{ pattern: 'a', whenLagging: 'of a newer version' }]
  await log.append({ events: [encodeRules('lag', { from: 'change', rules })] })
  await settleAll()
  expect(tide.rules.lag.list).toEqual(conflate)
  expect(tide.errors).toHaveLength(1)
})

test('a node that starts where it cannot read the rules of a newer version follows its own configuration', async () => {
  const log = memoryLog()
  await createNode(log, { rules: { lag: conflate } })
  const rules = [{ pattern: 'a', whenLagging: 'of a newer version' }]
  await log.append({ events: [encodeRules('lag', { from: 'change', rules })] })
  const tide = await createNode(log, { rules: { lag: conflate } })
  expect(tide.rules.lag.list).toEqual(conflate)
  expect(await lagBehind(tide)).toEqual(['last', '8', '9'])
})

test('a node whose rules somebody has deleted from the log follows its own configuration', async () => {
  const log = memoryLog()
  await log.append({
    events: [encodeRules('lag.configured', { from: 'configuration', rules: conflate })],
  })
  const tide = await createNode(log, { rules: { lag: conflate } })
  expect(tide.rules.lag.list).toEqual(conflate)
})

test('a node whose tail was overtaken follows the change that it passed over', async () => {
  const log = memoryLog()
  const handlers: TailHandler[] = []
  let isDeaf = false
  const lossy: EventLog = {
    append: (batch) => log.append(batch),
    read: (query) => log.read(query),
    locate: (query) => log.locate(query),
    bounds: () => log.bounds(),
    retention: log.retention,
    ruleFor: (topic) => log.ruleFor(topic),
    close: () => log.close(),
    tail(after, handler) {
      handlers.push(handler)
      const records: TailHandler['records'] = (given) => {
        if (!isDeaf) handler.records(given)
      }
      return log.tail(after, { ...handler, records })
    },
  }
  const tide = await createNode(lossy)
  const [live] = handlers.slice(-1)
  isDeaf = true
  await tide.rules.lag.replace(conflate)
  await settleAll()
  expect(tide.rules.lag.list).toEqual([])
  isDeaf = false
  live?.overtaken?.((await log.bounds()).head)
  await settleAll()
  expect(tide.rules.lag.list).toEqual(conflate)
})

test('a node that cannot read its log yet follows the rules in force once it can', async () => {
  const log = memoryLog()
  const first = await createNode(log, { rules: { lag: conflate } })
  await first.rules.lag.replace(drop)
  let isDown = true
  const flaky: EventLog = {
    append: (batch) => log.append(batch),
    read: (query) => (isDown ? Promise.reject(new Error('down')) : log.read(query)),
    locate: (query) => log.locate(query),
    bounds: () => log.bounds(),
    retention: log.retention,
    ruleFor: (topic) => log.ruleFor(topic),
    close: () => log.close(),
    tail: (after, handler) => log.tail(after, handler),
  }
  const tide = createTidemark({ log: flaky, rules: { lag: conflate } })
  await expect(tide.ready).rejects.toThrow('down')
  isDown = false
  await tide.ready
  expect(tide.rules.lag.list).toEqual(drop)
})
