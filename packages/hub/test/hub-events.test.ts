// Events of sessions on their way to the log.

import { memoryLog, parseTopicSet, systemClock } from '@tidemark/log'
import type { EventLog, EventRecord } from '@tidemark/log'
import { createFakeClock, waitUntil } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { joinObservers } from '../src/observers.ts'
import { HubEvents, sessionTopics } from '../src/webhooks/hub-events.ts'
import { hubEventsMax, saveMs } from '../src/webhooks/limits.ts'

const opened = (id: number | string) => ({
  sessionId: `node.${id}`,
  user: 'ada',
  label: undefined,
  topics: 2,
  resumed: false,
})

async function readAll(log: EventLog): Promise<readonly EventRecord[]> {
  const { first, head } = await log.bounds()
  const topics = parseTopicSet([sessionTopics])
  const found: EventRecord[] = []
  let after = first
  for (;;) {
    const { records, next } = await log.read({ topics, after, upTo: head, limit: 1_000 })
    if (records.length === 0) return found
    found.push(...records)
    after = next
  }
}

test('of events of sessions so many wait for a log that takes nothing, and the rest is counted and told', async () => {
  const log = memoryLog()
  const clock = createFakeClock()
  const errors: unknown[] = []
  let isDown = true
  let tries = 0
  const failing = {
    append: (batch: Parameters<EventLog['append']>[0]) => {
      tries++
      return isDown ? Promise.reject(new Error('The disk is full.')) : log.append(batch)
    },
  } as unknown as EventLog
  const events = new HubEvents({
    log: failing,
    clock,
    node: 'a',
    onError: (error) => errors.push(error),
  })
  for (let i = 0; i < hubEventsMax + 500; i++) events.observer.opened?.(opened(i))
  await waitUntil('it was tried', () => tries === 1)
  isDown = false
  await waitUntil('it waits', () => errors.length === 1)
  clock.advance(saveMs)
  await waitUntil('the rest is told of', () => errors.length === 2)
  expect(await readAll(log)).toHaveLength(hubEventsMax)
  expect(errors[1]).toMatchObject({ message: expect.stringContaining('500 events') as string })
})

test('a batch that was stored without an answer holds up no event that came meanwhile', async () => {
  const log = memoryLog()
  const clock = createFakeClock()
  const errors: unknown[] = []
  const deaf = {
    append: async (batch: Parameters<EventLog['append']>[0]) => {
      const positions = await log.append(batch)
      if (errors.length === 0) throw new Error('The answer was lost.')
      return positions
    },
  } as unknown as EventLog
  const onError = (error: unknown): void => void errors.push(error)
  const events = new HubEvents({ log: deaf, clock, node: 'a', onError })
  events.observer.opened?.(opened(1))
  await waitUntil('it was tried', () => errors.length === 1)
  events.observer.opened?.(opened(2))
  clock.advance(saveMs)
  await events.close()
  expect(errors).toHaveLength(1)
  const told = (await readAll(log)).map(
    ({ data }) => (JSON.parse(data) as { session: string }).session,
  )
  expect(told.sort()).toEqual(['node.1', 'node.2'])
})

test('events of one session stay in one topic, in their order, and those of many are spread over topics', async () => {
  const log = memoryLog()
  const events = new HubEvents({ log, clock: systemClock, node: 'a', onError: () => undefined })
  for (let i = 0; i < 200; i++) {
    events.observer.opened?.(opened(i))
    events.observer.closed?.({ ...opened(i), reason: 'disconnected', durationMs: 12.4 })
  }
  await events.close()
  const records = await readAll(log)
  expect(records).toHaveLength(400)
  expect(new Set(records.map(({ topic }) => topic)).size).toBe(16)
  for (let i = 0; i < 200; i++) {
    const own = records.filter(({ data }) => data.includes(`"node.${i}"`))
    expect(own.map(({ type }) => type)).toEqual(['session.connected', 'session.disconnected'])
    expect(new Set(own.map(({ topic }) => topic)).size).toBe(1)
    expect(JSON.parse(own[1]?.data ?? '')).toEqual({
      session: `node.${i}`,
      user: 'ada',
      reason: 'disconnected',
      durationMs: 12,
    })
  }
})

test('several observers are told of sessions one after the other, and one alone is itself', () => {
  const told: string[] = []
  const make = (name: string) => ({
    opened: () => void told.push(`${name} opened`),
    closed: () => void told.push(`${name} closed`),
  })
  const one = make('one')
  expect(joinObservers([undefined, one])).toBe(one)
  expect(joinObservers([undefined])).toBeUndefined()
  const both = joinObservers([one, make('two')])
  both?.opened?.(opened(1))
  both?.closed?.({ ...opened(1), reason: 'ended', durationMs: 1 })
  expect(told).toEqual(['one opened', 'two opened', 'one closed', 'two closed'])
})
