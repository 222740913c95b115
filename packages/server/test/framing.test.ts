// Each framing, byte for byte, and what a decoder makes of it.

import { parseTopic } from '@tidemark/log'
import { makePosition, parseEpoch } from '@tidemark/log/driver'
import type { EventRecord } from '@tidemark/log'
import { createDecoder } from '@tidemark/wire'
import type { DecodedEvent } from '@tidemark/wire'
import { expect, test } from 'vitest'
import { createFraming } from '../src/framing/framing.ts'
import type { Framing, FramingChoice } from '../src/framing/framing.ts'

function record(sequence: number, part: Partial<EventRecord> = {}): EventRecord {
  return {
    position: makePosition(parseEpoch('test'.padEnd(19, '0')), sequence),
    time: 1_700_000_000_000,
    topic: parseTopic('orders/42'),
    type: 'paid',
    data: '{"total":12}',
    key: 'k1',
    ...part,
  }
}

const choose = (choice: Partial<FramingChoice>): Framing =>
  createFraming({ shape: 'plain', fields: [], isNamedByTopic: false, ...choice })

function render(framing: Framing, records: readonly EventRecord[]): string {
  const { position } = records.at(-1) ?? record(0)
  const block = framing.assemble(
    records.map((one) => framing.encode(one)),
    { position, before: '', after: framing.parts },
  )
  return new TextDecoder().decode(block.bytes)
}

function decode(text: string): DecodedEvent[] {
  const events: DecodedEvent[] = []
  createDecoder({ event: (event) => events.push(event) }).push(text)
  return events
}

test('plain: id, type, the payload as published', () => {
  expect(render(choose({}), [record(1)])).toBe(
    'id: 1test000000000000000-1\nevent: paid\ndata: {"total":12}\n\n',
  )
  expect(render(choose({}), [record(1, { type: 'message' })])).not.toContain('event:')
})

test('fields come as lines of their own, in one order, and only where there is a value', () => {
  const framing = choose({ fields: ['time', 'topic', 'key'] })
  expect(render(framing, [record(2)])).toContain('topic: orders/42\nkey: k1\ntime: 1700000000000\n')
  expect(render(framing, [record(2, { key: undefined })])).not.toContain('key:')
})

test('tags come as one line of JSON and in envelopes, and only where there are some', () => {
  const tags = { region: 'eu', note: 'a "quote" 漢' }
  const plain = choose({ fields: ['tags'] })
  expect(render(plain, [record(2, { tags })])).toContain(
    '\ntags: {"region":"eu","note":"a \\"quote\\" 漢"}\n',
  )
  expect(render(plain, [record(2)])).not.toContain('tags')
  expect(render(choose({}), [record(2, { tags })])).not.toContain('tags')
  for (const shape of ['envelope', 'batch'] as const) {
    const [event] = decode(render(choose({ shape }), [record(2, { tags })]))
    expect([JSON.parse(event?.data ?? '')].flat()).toMatchObject([{ key: 'k1', tags }])
    expect(render(choose({ shape }), [record(2)])).not.toContain('tags')
  }
})

test('event=topic names the SSE event after the topic', () => {
  expect(decode(render(choose({ isNamedByTopic: true }), [record(3)]))[0]?.type).toBe('orders/42')
})

test('an envelope carries the payload’s own JSON, or its text', () => {
  const framing = choose({ shape: 'envelope' })
  const read = (data: string): unknown =>
    JSON.parse(decode(render(framing, [record(4, { data })]))[0]?.data ?? '')
  expect(read('{"total":12}')).toEqual({
    topic: 'orders/42',
    type: 'paid',
    key: 'k1',
    time: 1_700_000_000_000,
    data: { total: 12 },
  })
  expect(read('plain text')).toMatchObject({ data: 'plain text' })
  expect(read('{\n  "pretty": true\n}')).toMatchObject({ data: { pretty: true } })
})

test('a batch is one event with every record of the flush, under the last cursor', () => {
  const records = [
    record(5),
    record(6, { data: 'text\r\nwith lines' }),
    record(7, { data: '[\n1,\r2]' }),
  ]
  const [event, ...more] = decode(render(choose({ shape: 'batch' }), records))
  expect(more).toEqual([])
  expect(event).toMatchObject({ type: 'batch', id: '1test000000000000000-7' })
  expect((JSON.parse(event?.data ?? '') as { data: unknown }[]).map(({ data }) => data)).toEqual([
    { total: 12 },
    'text\r\nwith lines',
    [1, 2],
  ])
})

test('a single frame is not copied, so that every audience shares its bytes and its chunk', () => {
  const framing = choose({})
  const frame = framing.encode(record(8))
  const place = { position: record(8).position, before: '', after: '' }
  expect(framing.assemble([frame], place)).toBe(frame)
  expect(frame.chunk).toBe(frame.chunk)
})

test.each<Partial<FramingChoice>>([
  {},
  { shape: 'envelope', fields: ['time', 'topic'] },
  { isNamedByTopic: true },
  { shape: 'batch' },
])(
  'parts come into the ids of the very frames that others have, and change nothing else: %o',
  (choice) => {
    const framing = choose(choice)
    const moved = createFraming(
      { shape: 'plain', fields: [], isNamedByTopic: false, ...choice },
      '~skey',
    )
    expect(moved.frameKey).toBe(framing.frameKey)
    expect(moved.key).not.toBe(framing.key)
    const records = [record(5), record(6, { data: 'a\nb' })]
    for (const some of [records, records.slice(1)]) {
      const frames = some.map((one) => framing.encode(one))
      const { position } = some.at(-1) ?? record(0)
      const before = frames.map(({ bytes }) => [...bytes])
      const textOf = ({ bytes }: { readonly bytes: Uint8Array }): string =>
        new TextDecoder().decode(bytes)
      const plain = textOf(framing.assemble(frames, { position, before: '', after: '' }))
      const parted = textOf(moved.assemble(frames, { position, before: 'X~c', after: '_key' }))
      expect(decode(parted).map(({ id }) => id)).toEqual(
        decode(plain).map(({ id }) => `X~c${id}_key`),
      )
      expect(parted.replaceAll(/X~c|_key/g, '')).toBe(plain)
      expect(frames.map(({ bytes }) => [...bytes])).toEqual(before)
      // Blocks that others are given later have no trace of it.
      expect(textOf(framing.assemble(frames, { position, before: '', after: '' }))).toBe(plain)
    }
  },
)
