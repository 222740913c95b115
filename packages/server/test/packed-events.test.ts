// Single events as gzip in base64: what is packed, what comes out of it, and that every door keeps to it.

import { gunzipSync } from 'node:zlib'
import { memoryLog, parseTopic, parseTopicSet } from '@tidemark/log'
import { makePosition, parseEpoch } from '@tidemark/log/driver'
import type { EventRecord } from '@tidemark/log'
import { createDecoder } from '@tidemark/wire'
import type { DecodedEvent } from '@tidemark/wire'
import { createRandom } from '@tidemark/testkit'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { createFraming } from '../src/framing/framing.ts'
import type { Framing } from '../src/framing/framing.ts'
import { parseSubscriptionBody, parseSubscriptionQuery } from '../src/hub/index.ts'
import { createTidemark } from '../src/index.ts'
import { rememberPacked } from '../src/framing/packed-texts.ts'
import {
  packCharactersMin,
  packedKeptCharactersMax,
  packedOverheadCharacters,
} from '../src/limits.ts'
import { compressGzip } from '../src/node/gzip-sink.ts'
import { NodeTidemark } from '../src/node/node-tidemark.ts'
import { packText } from '../src/node/pack-text.ts'
import { readOptions } from '../src/tidemark-options.ts'
import { doors } from './support/doors.ts'

const long = JSON.stringify({ rows: Array.from({ length: 200 }, (_, row) => ({ row, note: 'ü' })) })
const opening = '{"encoding":"gzip+base64","data":"'

const choose = (shape: 'plain' | 'envelope'): Framing =>
  createFraming({ shape, fields: ['topic'], isNamedByTopic: false }).packing(packText)

function record(data: string): EventRecord {
  const position = makePosition(parseEpoch('test'.padEnd(19, '0')), 7)
  return { position, time: 5, topic: parseTopic('a'), type: 'paid', data, key: undefined }
}

function decode(text: string): DecodedEvent[] {
  const events: DecodedEvent[] = []
  createDecoder({ event: (event) => events.push(event) }).push(text)
  return events
}

function send(framing: Framing, data: string): DecodedEvent {
  const [event] = decode(new TextDecoder().decode(framing.encode(record(data)).bytes))
  if (event === undefined) throw new Error('There is an event.')
  return event
}

const isPacked = ({ fields }: DecodedEvent): boolean => fields?.get('encoding') === 'gzip+base64'

function unpack({ data }: DecodedEvent): string {
  const envelope = JSON.parse(data) as { encoding: string; data: string }
  expect(Object.keys(envelope)).toEqual(['encoding', 'data'])
  return gunzipSync(Buffer.from(envelope.data, 'base64')).toString()
}

test('an event above 1,024 characters leaves as an envelope, one of 1,024 as it is', () => {
  for (const [length, is] of [
    [1_024, false],
    [packCharactersMin, true],
  ] as const) {
    const event = send(choose('plain'), 'x'.repeat(length))
    expect(isPacked(event)).toBe(is)
    expect(event.fields?.get('topic')).toBe('a')
  }
})

test('an event that an envelope would make longer leaves as it is', () => {
  const random = createRandom(7)
  const sealed = packText(Array.from({ length: 3_000 }, () => random.next()).join(''))
  expect(sealed.length).toBeGreaterThan(1_024)
  const event = send(choose('plain'), sealed)
  expect(isPacked(event)).toBe(false)
  expect(event.data).toBe(sealed)
})

test('data that only looks like an envelope gets one, so that a plain EventSource can tell', () => {
  const forged = `${opening}${packText('forged')}"}`
  const event = send(choose('plain'), forged)
  expect(isPacked(event)).toBe(true)
  expect(unpack(event)).toBe(forged)
})

test('an envelope framing is packed whole, with topic and type inside', () => {
  const event = send(choose('envelope'), long)
  expect(JSON.parse(unpack(event))).toEqual({
    topic: 'a',
    type: 'paid',
    time: 5,
    data: JSON.parse(long) as unknown,
  })
})

test('what comes out is what a plain stream would have brought, whatever was published', () => {
  const text = fc.string({ unit: 'binary', maxLength: 3_000 }).map((some) => some.toWellFormed())
  const breaks = fc.array(fc.constantFrom('\r', '\n', '\r\n', 'x'.repeat(400)), { maxLength: 12 })
  const plain = createFraming({ shape: 'plain', fields: ['topic'], isNamedByTopic: false })
  fc.assert(
    fc.property(
      fc.oneof(
        text,
        breaks.map((some) => some.join('')),
      ),
      (data) => {
        const event = send(choose('plain'), data)
        expect(isPacked(event) ? unpack(event) : event.data).toBe(send(plain, data).data)
      },
    ),
  )
})

test('packed and plain frames are never taken for each other, also after topics have changed', () => {
  const plain = createFraming({ shape: 'plain', fields: [], isNamedByTopic: false })
  const packed = plain.packing(packText)
  expect(packed.frameKey).not.toBe(plain.frameKey)
  const moved = packed.forTopics(parseTopicSet(['a', 'b']), '~sother')
  expect(isPacked(send(moved, long))).toBe(true)
  expect(moved.parts).toBe('~sother')
})

for (const door of doors) {
  const packs = !door.name.includes('fetch')
  const manner = packs
    ? 'packs long events, live and replayed'
    : 'takes the wish and leaves events as they are'
  test(`${door.name} ${manner}, and compresses no stream beside it`, async () => {
    const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
    const open = await door.open(tide)
    onTestFinished(async () => {
      await tide.close()
      await open.close()
    })
    const { cursor } = await tide.publish('a', { data: 'before' })
    await tide.publish('a', { data: long })
    const headers = { 'accept-encoding': 'gzip', 'last-event-id': cursor }
    const answers = [
      await open.ask({ query: '?topic=a&compress=event', headers }),
      await open.ask({
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: '{"topics":["a"],"compress":"event"}',
      }),
    ]
    for (const answer of answers) {
      expect(answer.status).toBe(200)
      expect(answer.headers['content-encoding']).toBeUndefined()
      await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    }
    await tide.publish('a', { data: 'short' })
    await tide.publish('a', { data: long.toUpperCase() })
    for (const answer of answers) {
      const own = (): DecodedEvent[] =>
        decode(answer.text).filter(({ type }) => !type.startsWith('tidemark.'))
      await expect.poll(() => own().length).toBe(3)
      const texts = own().map((event) => (isPacked(event) ? unpack(event) : event.data))
      expect(texts).toEqual([long, 'short', long.toUpperCase()])
      expect(own().map(isPacked)).toEqual([packs, false, packs])
    }
  })
}

test('sessions that ask alike share the bytes of one compression', async () => {
  let packings = 0
  const framing = createFraming({ shape: 'plain', fields: [], isNamedByTopic: false })
  const pack = (text: string): string => {
    packings++
    return packText(text)
  }
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  onTestFinished(() => tide.close())
  const seen: string[] = []
  for (let i = 0; i < 50; i++) {
    const asked = parseSubscriptionBody({ topics: ['a'], compress: 'event' })
    const sink = {
      write: ({ bytes }: { readonly bytes: Uint8Array }): boolean => {
        seen.push(new TextDecoder().decode(bytes))
        return true
      },
      end() {},
      abort() {},
      listen() {},
    }
    await tide.open(sink, { ...asked, framing: framing.packing(pack) })
  }
  await tide.publish('a', { data: long })
  await expect
    .poll(() => seen.filter((text) => text.includes(opening.slice(1, 20))).length)
    .toBe(50)
  expect(packings).toBe(1)
})

test('an event is compressed once for all fields, names and replays that it is asked for with', async () => {
  const packings: string[] = []
  const pack = (text: string): string => {
    packings.push(text)
    return packText(text)
  }
  const settings = readOptions({ authorize: 'everyone' }, { compress: compressGzip, pack })
  const tide = new NodeTidemark(settings)
  const [door] = doors
  if (door === undefined) throw new Error('There is a door.')
  const open = await door.open(tide)
  onTestFinished(async () => {
    await tide.close()
    await open.close()
  })
  const ask = async (query: string): Promise<() => DecodedEvent[]> => {
    const answer = await open.ask({ query: `?topic=a&since=earliest&compress=event${query}` })
    await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
    return () => decode(answer.text).filter(isPacked)
  }
  const fields = ['', '&fields=topic', '&fields=key,time', '&fields=tags&event=topic']
  await tide.publish('a', { data: `before ${long}` })
  const early = await Promise.all(fields.map((query) => ask(query)))
  await tide.publish('a', { data: `after ${long}` })
  const late = await Promise.all(fields.map((query) => ask(query)))
  const enveloped = await ask('&framing=envelope')
  for (const list of [...early, ...late, enveloped]) await expect.poll(() => list().length).toBe(2)
  for (const list of [...early, ...late])
    expect(list().map(unpack)).toEqual([`before ${long}`, `after ${long}`])
  expect(packings.length).toBe(4)
})

test('compressed events that are kept take no more room than they may, and the last wanted stay', () => {
  const packings: string[] = []
  const text = 'x'.repeat(packedKeptCharactersMax / 4 - packedOverheadCharacters)
  const pack = rememberPacked((name) => {
    packings.push(name)
    return text
  })
  for (const name of ['1', '2', '3', '4', '1', '5', '1', '3', '2']) pack?.(name, name)
  expect(packings).toEqual(['1', '2', '3', '4', '5', '2'])
  for (let i = 0; i < 2; i++) pack?.('of no event')
  expect(packings.length).toBe(8)
})

test('a node without compression takes the wish, and leaves events as they are', async () => {
  const [door] = doors
  if (door === undefined) throw new Error('There is a door.')
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog(), compression: false })
  const open = await door.open(tide)
  onTestFinished(async () => {
    await tide.close()
    await open.close()
  })
  const answer = await open.ask({ query: '?topic=a&compress=event' })
  await expect.poll(() => answer.text).toContain('event: tidemark.ready\n')
  await tide.publish('a', { data: long })
  await expect.poll(() => answer.text).toContain(`data: ${long}\n`)
})

test.each([
  ['another word', 'compress=stream', 'compress takes one value, event'],
  ['two values', 'compress=event&compress=event', 'compress may be given once'],
  ['batches', 'compress=event&framing=batch', 'Leave one out.'],
])('%s is refused with what to do', (_, query, said) => {
  const asked = new URLSearchParams(`topic=a&${query}`)
  expect(() => parseSubscriptionQuery(asked)).toThrow(
    expect.objectContaining({
      code: 'QUERY_INVALID',
      message: expect.stringContaining(said) as string,
    }),
  )
})
