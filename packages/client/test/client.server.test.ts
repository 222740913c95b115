// One client against the engine itself, without sockets: joins, leaves and cuts while events are published.

import { memoryLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import { createFakeClock, createRandom } from '@tidemark/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createClient } from '../src/index.ts'
import type { Feed, Fetch } from '../src/index.ts'
import { matches, turns } from './model-server.ts'

const names = ['a', 'b', 'c/1', 'c/2'] as const
const sets = [['a'], ['b', 'c/1'], ['c/*'], ['**']] as const

const act = fc.record({
  kind: fc.constantFrom('publish', 'publish', 'publish', 'join', 'leave', 'cut', 'beat'),
  at: fc.nat({ max: 20 }),
})

interface Seen {
  readonly topics: readonly string[]
  readonly since: string
  readonly feed: Feed
  readonly ids: string[]
  remove: () => void
}

test('against the engine, no feed of a client loses or doubles an event, and all end on one stream', async () => {
  const property = fc.asyncProperty(
    fc.array(act, { minLength: 10, maxLength: 50, size: 'max' }),
    fc.nat(),
    async (script, seed) => {
      const clock = createFakeClock()
      const numbers = createRandom(seed)
      const random = (): number => numbers.next()
      const tide = createTidemark({
        authorize: 'everyone',
        log: memoryLog({ clock }),
        clock,
        random,
        heartbeatMs: 1_000,
      })
      const streams = new Set<() => void>()
      const fetch: Fetch = async (url, init) =>
        cuttable(await tide.fetch(new Request(url, init)), streams)
      const client = createClient('http://engine.test', { fetch, clock, random })
      const published: { readonly topic: string; readonly id: string }[] = []
      const feeds: Seen[] = []
      const publish = async (topic: string): Promise<void> => {
        const { cursor } = await tide.publish(topic, { data: topic })
        published.push({ topic, id: cursor })
      }
      const listen = (seen: Seen): void => {
        seen.remove = seen.feed.on('message', (_data, { id }) => void seen.ids.push(id))
      }
      const pass = async (ms: number): Promise<void> => {
        await turns(4)
        clock.advance(ms)
        await turns(4)
      }
      for (const { kind, at } of script) {
        const one = feeds[at % Math.max(1, feeds.length)]
        if (kind === 'publish') await publish(names[at % names.length] ?? '')
        if (kind === 'leave') one?.remove()
        if (kind === 'leave' && one !== undefined && at % 2 === 0) listen(one)
        if (kind === 'cut') [...streams][at % Math.max(1, streams.size)]?.()
        if (kind === 'beat') await pass(at * 300)
        if (kind === 'join') {
          const topics = sets[at % sets.length] ?? []
          const since = at % 3 === 0 ? 'earliest' : 'now'
          const seen = {
            topics,
            since,
            feed: client.feed(topics, { since }),
            ids: [],
            remove: () => undefined,
          }
          listen(seen)
          feeds.push(seen)
        }
        await turns(2)
      }
      for (const seen of feeds) {
        seen.remove()
        listen(seen)
      }
      for (let i = 0; i < 10; i++) await pass(1_000)
      for (const name of names) await publish(name)
      for (let i = 0; i < 30; i++) await pass(1_000)
      for (const { topics, since, ids } of feeds) {
        const all = published.filter(({ topic }) => topics.some((wanted) => matches(wanted, topic)))
        const from = since === 'earliest' ? 0 : all.findIndex(({ id }) => id === ids[0])
        expect({ topics, since, ids }).toEqual({
          topics,
          since,
          ids: all.slice(from).map(({ id }) => id),
        })
      }
      expect(streams.size).toBe(feeds.length > 0 ? 1 : 0)
      client.close()
      await turns()
      expect(streams.size).toBe(0)
      await tide.close()
    },
  )
  await fc.assert(property, { numRuns: 40 })
})

/** The same answer with a body that can be broken off. */
function cuttable(response: Response, streams: Set<() => void>): Response {
  const reader = response.body?.getReader()
  if (reader === undefined) return response
  let cut = (): void => undefined
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      cut = () => {
        streams.delete(cut)
        controller.error(new Error('cut'))
        void reader.cancel()
      }
      streams.add(cut)
    },
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) streams.delete(cut)
      else if (streams.has(cut)) controller.enqueue(value)
    },
    async cancel() {
      streams.delete(cut)
      await reader.cancel()
    },
  })
  return new Response(body, response)
}
