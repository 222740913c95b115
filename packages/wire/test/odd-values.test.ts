// Every export of the room, handed what its signature does not allow: the coded error, never a bare
// TypeError.

import { expectedOutcomes, oddValues, tryOddValues, withThrowing } from '@tidemark/testkit'
import type { OddCase } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import * as room from '../src/index.ts'
import * as values from '../src/values.ts'

const { createDecoder, decodeStream, encodeComment, encodeEvent, encodeRetry } = room

const handler = { event: () => undefined }
const objects = ['an object', 'an object without a prototype', 'a date', 'a text object']
const lists = ['an array', 'an array of symbols']
const everything = Object.keys(oddValues)

const part = (name: string, code: string, takes: readonly string[] = []): OddCase => ({
  call: (value) => encodeEvent({ [name]: value }),
  code,
  takes,
})

const decoderOption = (name: string, code: string, takes: readonly string[] = []): OddCase => ({
  call: (value) => createDecoder(handler, { [name]: value }),
  code,
  takes,
})

const stream = (): ReadableStream<Uint8Array> => new Blob(['data: x\n\n']).stream()

async function readAll(...given: readonly unknown[]): Promise<void> {
  const [source, options] = given
  const events = decodeStream(source as never, options as never)
  for await (const event of events) expect(event.data).toBe('x')
}

const cases: Readonly<Record<string, OddCase>> = {
  encodeEvent: {
    call: (value) => encodeEvent(value as never),
    code: 'EVENT_INVALID',
    takes: [...objects, ...lists],
  },
  'encodeEvent: id': part('id', 'EVENT_ID_INVALID', ['empty text']),
  'encodeEvent: event': part('event', 'EVENT_TYPE_INVALID', ['empty text']),
  'encodeEvent: data': part('data', 'EVENT_TEXT_INVALID', ['empty text']),
  'encodeEvent: retry': part('retry', 'EVENT_RETRY_INVALID', ['a number']),
  'encodeEvent: fields': part('fields', 'EVENT_FIELD_INVALID', ['an array']),
  'encodeEvent: a field': {
    call: (value) => encodeEvent({ fields: [value as never] }),
    code: 'EVENT_FIELD_INVALID',
  },
  'encodeEvent: a field’s name': {
    call: (value) => encodeEvent({ fields: [[value as never, 'x']] }),
    code: 'EVENT_FIELD_INVALID',
  },
  'encodeEvent: a field’s value': {
    call: (value) => encodeEvent({ fields: [['x', value as never]] }),
    code: 'EVENT_FIELD_INVALID',
    takes: ['empty text'],
  },
  encodeComment: {
    call: (value) => encodeComment(value as never),
    code: 'EVENT_TEXT_INVALID',
    takes: ['empty text'],
  },
  encodeRetry: {
    call: (value) => encodeRetry(value as never),
    code: 'EVENT_RETRY_INVALID',
    takes: ['a number'],
  },
  'createDecoder: handler': {
    call: (value) => createDecoder(value as never),
    code: 'DECODER_OPTION_INVALID',
  },
  'createDecoder: handler.event': {
    call: (value) => createDecoder({ event: value as never }),
    code: 'DECODER_OPTION_INVALID',
    takes: ['a function'],
  },
  'createDecoder: handler.retry': {
    call: (value) => createDecoder({ ...handler, retry: value as never }),
    code: 'DECODER_OPTION_INVALID',
    takes: ['a function'],
  },
  'createDecoder: options': {
    call: (value) => createDecoder(handler, value as never),
    code: 'DECODER_OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'createDecoder: lastEventId': decoderOption('lastEventId', 'DECODER_OPTION_INVALID', [
    'empty text',
  ]),
  'createDecoder: eventCharactersMax': decoderOption(
    'eventCharactersMax',
    'DECODER_LIMIT_INVALID',
    ['a number'],
  ),
  'createDecoder: lineCharactersMax': decoderOption('lineCharactersMax', 'DECODER_LIMIT_INVALID', [
    'a number',
  ]),
  'createDecoder: a chunk': {
    call: (value) => createDecoder(handler).push(value as never),
    code: 'DECODER_CHUNK_INVALID',
    takes: ['empty text'],
  },
  'decodeStream: stream': {
    call: (value) => readAll(value),
    code: 'DECODER_OPTION_INVALID',
  },
  'decodeStream: options': {
    call: (value) => readAll(stream(), value),
    code: 'DECODER_OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'decodeStream: options.handler': {
    call: (value) => readAll(stream(), { handler: value }),
    code: 'DECODER_OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  // They say something of any value, and have no error.
  quote: { call: (value) => values.quote(value as never), code: '', takes: everything },
  quoteValue: { call: (value) => values.quoteValue(value), code: '', takes: everything },
  nearestName: {
    call: (value) => values.nearestName(value as never, ['topic']),
    code: '',
    takes: everything,
  },
}

test.each(Object.entries(cases))('%s', async (_name, odd) => {
  expect(await tryOddValues(odd, 'WireError')).toEqual(expectedOutcomes(odd))
})

test('every function that the room exports is among them', () => {
  const functions = Object.entries({ ...room, ...values })
    .filter(([name, value]) => typeof value === 'function' && name !== 'WireError')
    .map(([name]) => name)
  const tried = new Set(Object.keys(cases).map((name) => name.split(':', 1)[0]))
  expect(functions.filter((name) => !tried.has(name))).toEqual([])
})

test.each(['id', 'event', 'data', 'retry', 'fields'])(
  'an event whose %s throws when it is read',
  (name) => {
    expect(() => encodeEvent(withThrowing({}, name))).toThrow(
      expect.objectContaining({ name: 'WireError', code: 'EVENT_INVALID' }),
    )
  },
)

test('a chunk that is neither bytes nor text is not dropped in silence, and ends the decoder', () => {
  const events: string[] = []
  const decoder = createDecoder({ event: ({ data }) => events.push(data) })
  decoder.push('data: a\n')
  const { buffer } = new TextEncoder().encode('data: b\n\n')
  for (const code of ['DECODER_CHUNK_INVALID', 'DECODER_ENDED']) {
    expect(() => decoder.push(buffer as never)).toThrow(expect.objectContaining({ code }))
  }
  expect(events).toEqual([])
})

test('bytes are taken whatever they are a view of', () => {
  const text = new TextEncoder().encode('data: x\n\n')
  for (const chunk of [Buffer.from(text), new Uint8Array(text.buffer), text.subarray(0)]) {
    const events: string[] = []
    createDecoder({ event: ({ data }) => events.push(data) }).push(chunk)
    expect(events).toEqual(['x'])
  }
})
