// Products of limits that one part of the code holds, filled without a hub around it.

import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { connect } from '@tidemark/client'
import type { Feed } from '@tidemark/client'
import { parseTopic } from '@tidemark/log'
import { createDecoder } from '@tidemark/wire'
import { holesMax } from '../../packages/cli/src/bench/limits.ts'
import { SequenceTally } from '../../packages/cli/src/bench/sequence-tally.ts'
import { queueCostMax, sliceBytesMax } from '../../packages/client/src/limits.ts'
import { Bodies } from '../../packages/hub/src/bodies.ts'
import { parseEventInputs } from '../../packages/hub/src/event-input.ts'
import { bodyFreeBytes } from '../../packages/hub/src/limits.ts'
import { TableCheck } from '../../packages/log-lmdb/src/lmdb-files/check-tables.ts'
import { latestCheckedMax } from '../../packages/log-lmdb/src/limits.ts'
import { idempotencyBytesMin, ruleCacheMax, topicBytesMax } from '../../packages/log/src/limits.ts'
import { IdempotencyStore } from '../../packages/log/src/memory/idempotency-store.ts'
import { createRuleBook, validateRetention } from '../../packages/log/src/rule-book.ts'
import { BodyBudget } from '../../packages/server/src/request/body-budget.ts'
import { JsonBody } from '../../packages/server/src/request/json-body.ts'
import { LagRules } from '../../packages/server/src/catch-up/lag-rules.ts'
import {
  rememberedTopicsMax,
  subscriptionBodiesBytesMax,
  subscriptionFreeBytes,
} from '../../packages/server/src/limits.ts'
import { eventCharactersMaxDefault, smallPartMax } from '../../packages/wire/src/limits.ts'
import { collect } from './filled.ts'
import type { Filled } from './filled.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** Measures what `fill` leaves; what it returns is held until then. */
async function weigh(allowed: number, fill: () => unknown): Promise<Filled> {
  const before = collect()
  const held: unknown = await fill()
  const bytes = collect() - before
  if (held === undefined) throw new Error('Nothing was filled.')
  return { bytes, allowed }
}

/** An id, an event and a line of two-byte characters, all almost at the default, in the worst parts. */
function fillDecoder(): Promise<Filled> {
  return weigh(8.5 * eventCharactersMaxDefault, () => {
    const decoder = createDecoder({ event: () => undefined })
    const encoder = new TextEncoder()
    const part = `${'x'.repeat(smallPartMax)}€`
    const push = (text: string): void => {
      for (let size = 0; size + text.length < eventCharactersMaxDefault - 20; size += text.length)
        decoder.push(encoder.encode(text))
    }
    decoder.push('id: ')
    push(part)
    decoder.push('\ndata: x\n\n')
    push(`data: ${part}\n`)
    decoder.push('data: ')
    push(part)
    return decoder
  })
}

/** Events with long ids for a loop that has taken one. */
async function fillIterator(): Promise<Filled> {
  const chunk = new TextEncoder().encode(`id: ${'x'.repeat(3_000)}\ndata:\n\n`.repeat(6))
  let pulls = 0
  const pull = (stream: ReadableStreamDefaultController<Uint8Array>): void => {
    pulls += 1
    stream.enqueue(Uint8Array.from(chunk))
  }
  const headers = { 'content-type': 'text/event-stream' }
  const fetch = (): Promise<Response> =>
    Promise.resolve(new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers }))
  const open = async (): Promise<Feed> => {
    const feed = connect('http://localhost/events', { topics: ['t'], fetch })
    await feed[Symbol.asyncIterator]().next()
    // A read may take some turns of the event loop.
    for (let [seen, still] = [0, 0]; still < 50; await turn()) {
      still = seen === pulls ? still + 1 : 0
      seen = pulls
    }
    return feed
  }
  // A first feed loads what all feeds share.
  ;(await open()).close()
  return weigh(2 * queueCostMax + 16 * sliceBytesMax, open)
}

function fillKeys(): Promise<Filled> {
  return weigh(idempotencyBytesMin, () => {
    const store = new IdempotencyStore(1)
    for (let i = 0; i < 60_000; i++) {
      const key = Buffer.from(String(i).padStart(128, 'k')).toString('latin1')
      store.add(key, { fingerprint: 2 ** 32 - i, time: 1.7e12 + i, first: i, count: 1 }, 1.7e12 + i)
    }
    return store
  })
}

/** One topic below the number at which all are forgotten. */
function fillRules(): Promise<Filled> {
  return weigh(ruleCacheMax * (100 + topicBytesMax), () => {
    const book = createRuleBook(validateRetention({ rules: [{ pattern: 'a/**', maxEvents: 1 }] }))
    for (let i = 0; i < ruleCacheMax - 1; i++) book.ruleFor(longTopic(i))
    return book
  })
}

function fillLagRules(): Promise<Filled> {
  return weigh(rememberedTopicsMax * (100 + topicBytesMax), () => {
    const rules = new LagRules([{ pattern: 'a/**', whenLagging: 'drop' }])
    for (let i = 0; i < rememberedTopicsMax - 1; i++) rules.actionFor(longTopic(i))
    return rules
  })
}

function longTopic(i: number): ReturnType<typeof parseTopic> {
  return parseTopic(Buffer.from(`a/${i}/`.padEnd(topicBytesMax, 'x')).toString('latin1'))
}

/** A hundredth of the streams there may be. */
function fillHoles(): Promise<Filled> {
  const streams = 1_000
  return weigh(streams * (24 * holesMax + KiB), () =>
    Array.from({ length: streams }, () => {
      const tally = new SequenceTally()
      tally.expectAll()
      for (let sequence = 2; sequence <= 4 * holesMax; sequence += 2) tally.add(sequence, 0)
      return tally
    }),
  )
}

/** Bodies of subscriptions in parts of three bytes, each one character, until one is refused. */
async function fillSubscriptions(): Promise<Filled> {
  const part = new TextEncoder().encode('€')
  const bodies: JsonBody[] = []
  const filled = await weigh(2 * subscriptionBodiesBytesMax, () => {
    const budget = new BodyBudget()
    try {
      for (;;) {
        const body = new JsonBody(undefined, budget.begin())
        bodies.push(body)
        for (let sent = 0; sent < 500 * KiB; sent += part.length) body.add(part)
      }
    } catch {
      return bodies
    }
  })
  return { ...filled, allowed: filled.allowed + 2 * bodies.length * subscriptionFreeBytes }
}

/** Bodies that wait for a log that stands still, until one is refused. */
async function fillBodies(make: () => string, isEvents: boolean): Promise<Filled> {
  const heldBytesMax = 32 * MiB
  const bodies = new Bodies({ requestBytesMax: 8 * MiB, heldBytesMax })
  const held: unknown[] = []
  const refusals: unknown[] = []
  const send = (): void => {
    const request = Object.assign(new Readable({ read: () => undefined }), { headers: {} })
    held.push(request)
    bodies
      .read(request as Parameters<Bodies['read']>[0], (text, count) => {
        const used = isEvents ? parseEventInputs(text, 'application/x-ndjson') : text
        if (typeof used !== 'string') count(used.length)
        held.push(used)
        return new Promise(() => undefined)
      })
      .catch((error: unknown) => refusals.push(error))
    request.push(Buffer.from(make()))
    request.push(null)
  }
  let sent = 0
  const filled = await weigh(2 * heldBytesMax, async () => {
    for (; refusals.length === 0; sent++) {
      send()
      await turn()
    }
    return held
  })
  // A request costs as much, whatever its body.
  return { ...filled, allowed: filled.allowed + sent * (2 * bodyFreeBytes + 4 * KiB) }
}

/** The newest values per key of a file, an eighth of them. */
function fillLatest(): Promise<Filled> {
  const count = latestCheckedMax / 8
  return weigh(count * 50, () => {
    const check = new TableCheck(count)
    const key = { bytes: Buffer.alloc(12), at: 0, length: 12 }
    const value = { bytes: Buffer.alloc(8), at: 0, length: 8 }
    // Above 2^32, so that V8 cannot store it as a small number.
    value.bytes.writeUInt32BE(7, 0)
    for (let i = 0; i < count + 1_000; i++) {
      value.bytes.writeUInt32BE(i, 4)
      check.on('latest', { key, value, isTree: false })
    }
    return check
  })
}

/** By the names of limit-fillings.ts. */
export const partFillings: Readonly<Record<string, () => Promise<Filled>>> = {
  decoder: fillDecoder,
  iterator: fillIterator,
  keys: fillKeys,
  rules: fillRules,
  'lag-rules': fillLagRules,
  holes: fillHoles,
  subscriptions: fillSubscriptions,
  bodies: () => fillBodies(() => `€${'x'.repeat(100_000)}`, false),
  'small-bodies': () => fillBodies(() => '{"topic":"a","data":1}\n'.repeat(700), true),
  latest: fillLatest,
}
