// Sessions that leave while they wait for something: they take their place in line with them.

import { memoryLog, parseTopic } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { collectGarbage } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { ServerError, createTidemark } from '../src/index.ts'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import { backlogsMax, replayReadsMax } from '../src/limits.ts'
import { Slots } from '../src/catch-up/slots.ts'
import { Turns } from '../src/catch-up/turns.ts'
import { traceBytesMax } from '../src/trace/limits.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

/** A log whose reads are answered when the test says so, but for those of a node that starts. */
function holdReads(inner: EventLog): {
  log: EventLog
  readonly begun: number
  release: () => void
} {
  let held: (() => void)[] = []
  let begun = 0
  return {
    log: wrapLog(inner, {
      read: async (query) => {
        if (query.topics.topics.some((name) => name.startsWith('$hub/'))) return inner.read(query)
        begun += 1
        await new Promise<void>((resolve) => held.push(resolve))
        return inner.read(query)
      },
    }),
    get begun() {
      return begun
    },
    release() {
      const due = held
      held = []
      for (const go of due) go()
    },
  }
}

test('clients that come and go while the log hangs leave nothing behind, and no page is read for them afterwards', async () => {
  const inner = memoryLog()
  await inner.append({ events: [{ topic: parseTopic('a'), data: 'x' }] })
  const reads = holdReads(inner)
  const tide = createTidemark({ log: reads.log })
  onTestFinished(() => tide.close())
  /** Leaves while it waits for its turn, or for its page. */
  const visit = async (i: number, turns: number): Promise<void> => {
    const client = new TestClient()
    const topics = Array.from({ length: 500 }, (_, j) => `own/${i}/${j}`)
    await tide.open(client.connect(), parseSubscriptionBody({ topics, since: 'earliest' }))
    await settle(turns)
    client.connection?.cut()
  }
  // As many as may wait for the log itself; those are the log's until it answers.
  for (let i = 0; i < replayReadsMax; i++) await visit(i, 2)
  expect(reads.begun).toBe(replayReadsMax)
  const before = collectGarbage()
  for (let i = 0; i < 200; i++) await visit(1_000 + i, i % 3)
  expect(tide.sessionCount).toBe(0)
  // A session with 500 topics takes 200 KB while it is open.
  // Of those that have left the node remembers their names, within a bound, to say what they did not get.
  expect(collectGarbage() - before).toBeLessThan(traceBytesMax + 200 * 10 * 1024)
  const stays = new TestClient()
  await tide.open(stays.connect(), parseSubscriptionBody({ topics: ['a'], since: 'earliest' }))
  await settle(2)
  reads.release()
  await settle(2)
  // The very next is somebody who is still there.
  expect(reads.begun).toBe(replayReadsMax + 1)
  reads.release()
  await settle(2)
  expect(stays.published).toHaveLength(1)
})

test('laggards that leave while they wait to reduce their backlogs keep nobody from it', async () => {
  const reads = holdReads(memoryLog())
  const tide = createTidemark({
    log: reads.log,
    rules: { lag: [{ pattern: 'a/**', whenLagging: 'conflate' }] },
  })
  onTestFinished(() => tide.close())
  const clients = Array.from({ length: 4 * backlogsMax }, () => new TestClient())
  for (const client of clients)
    await tide.open(client.connect(), parseSubscriptionBody({ topics: ['a/*'] }))
  await settle()
  for (const { connection } of clients) connection?.block()
  await tide.publish('a/b', { data: 'by which they notice' })
  await settle()
  // More than the recent records hold, so that the log is asked.
  const events = Array.from({ length: 600 }, (_, j) => ({ topic: 'a/b', key: `${j}`, data: 'x' }))
  for (let i = 0; i < 3; i++) await tide.publishAll(events)
  await settle()
  for (const { connection } of clients) connection?.unblock()
  await settle(100)
  expect(reads.begun).toBe(backlogsMax)
  for (const { connection } of clients.slice(0, -1)) connection?.cut()
  const last = clients.at(-1)
  for (let round = 0; round < 12; round++) {
    reads.release()
    await settle(10)
  }
  expect(last?.published.length).toBeGreaterThan(500)
  // Those in the log's hands, and the pages of the one that stayed.
  expect(reads.begun).toBeLessThanOrEqual(backlogsMax + 10)
})

test('clients that come and go while the log does not say where they begin are refused once there are as many as sessions', async () => {
  const inner = memoryLog()
  await inner.append({ events: [{ topic: parseTopic('a'), data: 'x' }] })
  const answers: { ok: () => void; fail: () => void }[] = []
  const log = wrapLog(inner, {
    locate: async (query) => {
      // The node's own question, at its start.
      if (query.topics.topics.some((name) => name.startsWith('$hub/'))) return inner.locate(query)
      await new Promise<void>((ok, fail) => {
        answers.push({ ok, fail: () => fail(new Error('away')) })
      })
      return inner.locate(query)
    },
  })
  const tide = createTidemark({ log, sessionsMax: 20, onError: () => undefined })
  onTestFinished(() => tide.close())
  await tide.ready
  const visit = async (): Promise<string> => {
    const client = new TestClient()
    try {
      await tide.open(client.connect(), parseSubscriptionBody({ topics: ['a'], since: '-1' }))
      return 'in'
    } catch (error) {
      return error instanceof ServerError ? error.code : 'failed'
    }
  }
  const count = async (visits: Promise<string>[]): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {}
    for (const how of await Promise.all(visits)) counts[how] = (counts[how] ?? 0) + 1
    return counts
  }
  const first = Array.from({ length: 50 }, visit)
  await settle()
  expect(answers).toHaveLength(20)
  for (const [i, { ok, fail }] of answers.splice(0).entries()) {
    if (i < 5) fail()
    else ok()
  }
  expect(await count(first)).toEqual({ in: 15, failed: 5, FULL: 30 })
  // The places of those that failed are free again.
  const second = Array.from({ length: 50 }, visit)
  await settle()
  for (const { ok } of answers.splice(0)) ok()
  expect(await count(second)).toEqual({ in: 5, FULL: 45 })
  expect(tide.sessionCount).toBe(20)
})

test('who leaves the line for a turn costs no turn, and the next in line has it', async () => {
  const turns = new Turns()
  const order: string[] = []
  const owners = Array.from({ length: 5 }, (_, i) => ({ name: `${i}` }))
  const taken = owners.map((owner) => turns.take(owner).then(() => order.push(owner.name)))
  for (const owner of owners.slice(0, 4)) turns.leave(owner)
  await Promise.resolve()
  // They go on at once, to find that nobody wants them any more.
  expect(order).toEqual(['0', '1', '2', '3'])
  await settle()
  expect(order).toEqual(['0', '1', '2', '3', '4'])
  await Promise.all(taken)
})

test('who leaves the line for a place is not run, and the places of those who failed or left are all free again', async () => {
  const slots = new Slots(2)
  const ran: string[] = []
  const gates: (() => void)[] = []
  const work = (name: string) => async (): Promise<string> => {
    ran.push(name)
    await new Promise<void>((resolve) => gates.push(resolve))
    if (name === 'fails') throw new Error('at fault')
    return name
  }
  const leaver = {}
  const first = slots.run(work('first'))
  const fails = slots.runFor({}, work('fails'))
  const left = slots.runFor(leaver, work('left'))
  const third = slots.runFor({}, work('third'))
  slots.leave(leaver)
  slots.leave(leaver)
  slots.leave({})
  expect(await left).toBeUndefined()
  for (const open of gates.splice(0)) open()
  await expect(fails).rejects.toThrow(/at fault/)
  expect(await first).toBe('first')
  await settle()
  for (const open of gates.splice(0)) open()
  expect(await third).toBe('third')
  const more = [slots.run(work('a')), slots.run(work('b')), slots.run(work('c'))]
  await settle()
  expect(ran).toEqual(['first', 'fails', 'third', 'a', 'b'])
  for (const open of gates.splice(0)) open()
  await settle()
  for (const open of gates.splice(0)) open()
  expect(await Promise.all(more)).toEqual(['a', 'b', 'c'])
})
