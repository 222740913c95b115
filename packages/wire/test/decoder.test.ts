// The decoder beyond the vectors: when it speaks, what it refuses, how it ends.

import { collectGarbage } from '@tidemark/testkit'
import { describe, expect, test } from 'vitest'
import { createDecoder } from '../src/index.ts'
import type { DecodedEvent, DecoderOptions, WireErrorCode } from '../src/index.ts'
import { smallPartMax } from '../src/limits.ts'
import { decodeAll, utf8 } from './helpers.ts'

describe('an event is handed over at once', () => {
  test('when a chunk ends with CR, without waiting for a LF', () => {
    const events: string[] = []
    const decoder = createDecoder({ event: (event) => events.push(event.data) })
    decoder.push('data: a\r\n\r')
    expect(events).toEqual(['a'])
    decoder.push('\ndata: b\r')
    decoder.push('\r')
    expect(events).toEqual(['a', 'b'])
  })

  test('and an empty chunk does not part CR from its LF', () => {
    expect(decodeAll(['data: a\r', '', '\ndata: b\n\n']).events.map((event) => event.data)).toEqual(
      ['a\nb'],
    )
  })

  test('and the handler may read the last event id meanwhile', () => {
    const ids: string[] = []
    const decoder = createDecoder({ event: () => ids.push(decoder.lastEventId) })
    decoder.push('id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n')
    expect(ids).toEqual(['1', '2'])
    expect(decoder.lastEventId).toBe('2')
  })
})

describe('the last event id', () => {
  test('of a resumed stream is that of its events until another comes', () => {
    const { events, lastEventId } = decodeAll(['data: a\n\n'], { lastEventId: '41' })
    expect(events[0]?.id).toBe('41')
    expect(lastEventId).toBe('41')
  })

  test('moved without data is reported, and only when it moved', () => {
    expect(decodeAll(['id: 1\n\nid: 1\n\nid: 2\ndata: a\n\nid\n\n']).ids).toEqual(['1', ''])
  })
})

test('an event without other fields carries none from the event before', () => {
  const { events } = decodeAll(['topic: a\ntopic: b\ndata: 1\n\ntopic: c\n\ndata: 2\n\n'])
  expect(events.map((event) => event.fields)).toEqual([new Map([['topic', 'b']]), undefined])
})

test('a field named like a member of every object is just a name', () => {
  const { events } = decodeAll(['__proto__: a\nconstructor: b\ndata: 1\n\n'])
  expect(events[0]?.fields).toEqual(
    new Map([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]),
  )
})

test('the 33rd field of an event is ignored', () => {
  const lines = Array.from({ length: 40 }, (_, i) => `f${i}: ${i}\n`).join('')
  const { events } = decodeAll([`${lines}f0: again\ndata: a\n\n`])
  expect(events[0]?.fields?.size).toBe(32)
  expect(events[0]?.fields?.get('f0')).toBe('again')
})

test('the fields of an event are the same map however often they are read', () => {
  const events: DecodedEvent[] = []
  const decoder = createDecoder({ event: (event) => events.push(event) })
  decoder.push('topic: a\ndata: 1\n\ntopic: b\ndata: 2\n\n')
  const [first, second] = events
  expect(second?.fields).toEqual(new Map([['topic', 'b']]))
  expect(first?.fields).toEqual(new Map([['topic', 'a']]))
  expect(first?.fields).toBe(first?.fields)
})

test('a retry beyond every number is still a number', () => {
  expect(decodeAll([`retry: ${'9'.repeat(400)}\n`]).retries).toEqual([Number.MAX_SAFE_INTEGER])
})

test('bytes may turn into text between characters, and a character cut off there is malformed', () => {
  const cut = utf8.encode('data: a🌊').subarray(0, -1)
  expect(decodeAll([cut, 'b\n\n']).events[0]?.data).toBe('a\uFFFDb')
  expect(decodeAll([utf8.encode('data: é'), 'b', utf8.encode('ß\n\n')]).events[0]?.data).toBe('ébß')
})

describe('limits', () => {
  const over: readonly {
    readonly name: string
    readonly options: DecoderOptions
    readonly chunks: readonly string[]
    readonly code: WireErrorCode
  }[] = [
    {
      name: 'a line over the limit',
      options: { lineCharactersMax: 10 },
      chunks: ['data: abcde\n'],
      code: 'LINE_TOO_LONG',
    },
    {
      name: 'a line over the limit before its end',
      options: { lineCharactersMax: 10 },
      chunks: ['data', ': ab', 'cde'],
      code: 'LINE_TOO_LONG',
    },
    {
      name: 'a line over the limit that ends with CR',
      options: { lineCharactersMax: 10 },
      chunks: ['data: abcde\r'],
      code: 'LINE_TOO_LONG',
    },
    {
      name: 'a comment over the limit',
      options: { lineCharactersMax: 10 },
      chunks: [':0123456789'],
      code: 'LINE_TOO_LONG',
    },
    {
      name: 'an event of many short lines',
      options: { eventCharactersMax: 20 },
      chunks: ['data\n'.repeat(5)],
      code: 'EVENT_TOO_LARGE',
    },
    {
      name: 'an event of many fields',
      options: { eventCharactersMax: 20 },
      chunks: ['a\nb\n'.repeat(6)],
      code: 'EVENT_TOO_LARGE',
    },
    {
      name: 'an event with many comments in it',
      options: { eventCharactersMax: 20 },
      chunks: ['data\n', ':\n'.repeat(8)],
      code: 'EVENT_TOO_LARGE',
    },
  ]

  test.each(over)('$name throws', ({ options, chunks, code }) => {
    expect(() => decodeAll(chunks, options)).toThrow(expect.objectContaining({ code }))
  })

  test('what just fits passes', () => {
    expect(decodeAll(['data: abcd\n\n'], { lineCharactersMax: 10 }).events).toHaveLength(1)
    const fits = 'data\n'.repeat(4)
    expect(decodeAll([`${fits}\n${fits}\n`], { eventCharactersMax: 20 }).events).toHaveLength(2)
  })

  test('comments alone never add up', () => {
    expect(
      decodeAll(Array<string>(1000).fill(': beat\n'), { eventCharactersMax: 20 }).comments,
    ).toHaveLength(1000)
  })

  test('the default is 16 MiB', () => {
    const line = `data: ${'x'.repeat(1024 * 1024 - 7)}\n`
    const decoder = createDecoder({ event: () => {} })
    for (let i = 0; i < 16; i++) decoder.push(line)
    expect(() => decoder.push('data\n')).toThrow(
      expect.objectContaining({ code: 'EVENT_TOO_LARGE' }),
    )
  })

  test.each([1, 2, smallPartMax, smallPartMax + 1, smallPartMax + 2, 1_000])(
    'an id, an event and a line in progress, each almost at the limit and in parts of %d characters, take 8.5 times the limit',
    (length) => {
      const max = 1024 * 1024
      const encoder = new TextEncoder()
      let ids = 0
      const decoder = createDecoder({ event: () => (ids += 1) }, { eventCharactersMax: max })
      // One character of two bytes in each part: V8 stores the whole part by two.
      const part = `${'x'.repeat(length - 1)}€`
      const fill = (text: string): void => {
        for (let size = 0; size + text.length < max - 20; size += text.length)
          decoder.push(encoder.encode(text))
      }
      const before = collectGarbage()
      decoder.push('id: ')
      fill(part)
      decoder.push('\ndata: x\n\n')
      const withId = collectGarbage() - before
      fill(`data: ${part}\n`)
      decoder.push('data: ')
      fill(part)
      const all = collectGarbage() - before
      expect(ids).toBe(1)
      expect(withId).toBeLessThanOrEqual(2.1 * max)
      expect(all).toBeGreaterThan(3 * max)
      expect(all).toBeLessThanOrEqual(8.5 * max)
      decoder.end()
    },
  )

  test.each([0, -1, 1.5, Number.NaN, Infinity])('%d is no limit', (value) => {
    for (const name of ['eventCharactersMax', 'lineCharactersMax']) {
      expect(() => createDecoder({ event: () => {} }, { [name]: value })).toThrow(
        expect.objectContaining({ code: 'DECODER_LIMIT_INVALID' }),
      )
    }
  })
})

describe('a decoder takes nothing more', () => {
  test('once it has ended', () => {
    const decoder = createDecoder({ event: () => {} })
    decoder.push('id: 1\n\n')
    decoder.end()
    expect(() => decoder.push('')).toThrow(
      expect.objectContaining({ code: 'DECODER_ENDED', cause: undefined }),
    )
    expect(decoder.lastEventId).toBe('1')
  })

  test('once the handler threw, because the rest of that chunk is lost', () => {
    const failure = new Error('handler')
    const events: DecodedEvent[] = []
    const decoder = createDecoder({
      event: (event) => {
        events.push(event)
        throw failure
      },
    })
    expect(() => decoder.push('id: 1\ndata: a\n\nid: 2\ndata: b\n\n')).toThrow(failure)
    expect(() => decoder.push('data: c\n\n')).toThrow(
      expect.objectContaining({ code: 'DECODER_ENDED', cause: failure }),
    )
    expect(events).toHaveLength(1)
    expect(decoder.lastEventId).toBe('1')
  })
})
