// Across windows, rates, rules and blocked sockets, events come exactly once and in order. Every event that
// is missing is covered by a gap or a newer value.

import { memoryLog, parseCursor } from '@tidemark/log'
import { sequenceOf } from '@tidemark/log/driver'
import { createFakeClock } from '@tidemark/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'

function seq(cursor: string): number {
  const parsed = parseCursor(cursor)
  if (parsed === undefined) throw new Error(`no cursor: ${cursor}`)
  return sequenceOf(parsed.position)
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      topic: fc.constantFrom('delay', 'drop', 'conflate'),
      count: fc.integer({ min: 1, max: 8 }),
      key: fc.nat(2),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('block' as const, 'unblock' as const, 'cut' as const, 'connect' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('settle' as const, 'pass' as const, 'long' as const),
    }),
  },
)
test.each([0, 1])('model %i', async (variant) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 80 }),
      fc.constantFrom(undefined, 1, 3, 10),
      fc.integer({ min: 1, max: 5 }),
      async (steps, rate, eventsMax) => {
        const clock = createFakeClock()
        const log = memoryLog({ clock })
        const tide = createTidemark({
          log,
          clock,
          flushWindowMs: variant === 0 ? 0 : 5,
          flushEventsMax: eventsMax,
          rules: {
            lag: [
              { pattern: 'drop', whenLagging: 'drop' },
              { pattern: 'conflate', whenLagging: 'conflate' },
            ],
          },
        })
        await tide.ready
        const client = new TestClient()
        const all: { topic: string; data: string; at: number; key: string }[] = []
        const query =
          'topics=delay,drop,conflate&fields=key' +
          (rate === undefined ? '' : `&eventsPerSecondMax=${rate}`)
        const connect = async () => {
          await tide.open(
            client.connect(),
            parseSubscriptionQuery(
              new URLSearchParams(query + '&since=earliest'),
              client.lastEventId,
            ),
          )
          await settle()
        }
        await connect()
        let n = 0
        for (const s of steps) {
          if (s.do === 'publish') {
            const events = Array.from({ length: s.count }, () => ({
              topic: s.topic,
              data: String(++n),
              key: `k${s.key}`,
            }))
            const { cursor } = await tide.publishAll(events)
            const last = seq(cursor)
            events.forEach((e, i) => all.push({ ...e, at: last - events.length + 1 + i }))
          } else if (s.do === 'block') client.connection?.block()
          else if (s.do === 'unblock') client.connection?.unblock()
          else if (s.do === 'cut') client.connection?.cut()
          else if (s.do === 'connect') await connect()
          else if (s.do === 'settle') await settle()
          else {
            clock.advance(s.do === 'pass' ? 3 : 700)
            await settle()
          }
        }
        if (client.connection?.isEnded || tide.sessionCount === 0) await connect()
        client.connection?.unblock()
        for (let i = 0; i < 400; i++) {
          clock.advance(1_000)
          await settle()
          await settle()
        }
        const got = client.published.map(({ data }) => Number(data))
        expect(got).toEqual([...new Set(got)].toSorted((a, b) => a - b))
        const gaps = client.control('gap') as { from: string; to: string }[]
        const gotSet = new Set(got)
        for (const e of all) {
          if (gotSet.has(Number(e.data))) continue
          if (e.topic === 'delay') throw new Error(`delay ${e.data} missing`)
          if (e.topic === 'drop') {
            if (!gaps.some((g) => seq(g.from) < e.at && e.at <= seq(g.to)))
              throw new Error(`drop ${e.data} at ${e.at} not covered ${JSON.stringify(gaps)}`)
          } else if (
            !all.some(
              (o) =>
                o.topic === 'conflate' &&
                o.key === e.key &&
                o.at > e.at &&
                gotSet.has(Number(o.data)),
            )
          )
            throw new Error(`conflate ${e.data} missing`)
        }
        await tide.close()
      },
    ),
    { numRuns: 250 },
  )
})
