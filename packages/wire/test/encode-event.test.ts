// The encoder: what it writes, and what it refuses because it would break the format.

import { describe, expect, test } from 'vitest'
import { encodeComment, encodeEvent, encodeRetry, WireError } from '../src/index.ts'
import type { WireErrorCode, WireEvent } from '../src/index.ts'

function codeOf(encode: () => string): WireErrorCode | undefined {
  try {
    encode()
    return undefined
  } catch (error) {
    if (error instanceof WireError) return error.code
    throw error
  }
}

const written: readonly [name: string, event: WireEvent, text: string][] = [
  ['data alone', { data: 'a' }, 'data: a\n\n'],
  ['empty data, which is still dispatched', { data: '' }, 'data: \n\n'],
  ['no data', { id: '1' }, 'id: 1\n\n'],
  ['nothing at all', {}, '\n'],
  [
    'everything, in this order',
    { data: 'a', retry: 5, fields: [['topic', 'x']], event: 'paid', id: '1' },
    'id: 1\nevent: paid\ntopic: x\nretry: 5\ndata: a\n\n',
  ],
  ['the default type, left out', { event: 'message', data: 'a' }, 'data: a\n\n'],
  ['an empty type, left out', { event: '', data: 'a' }, 'data: a\n\n'],
  ['LF in data', { data: 'a\nb\n' }, 'data: a\ndata: b\ndata: \n\n'],
  ['CR in data', { data: '\ra' }, 'data: \ndata: a\n\n'],
  ['CRLF in data', { data: 'a\r\nb\n\rc' }, 'data: a\ndata: b\ndata: \ndata: c\n\n'],
  ['replacement patterns in data, as they are', { data: '$&\n$1' }, 'data: $&\ndata: $1\n\n'],
  ['leading space in data, kept', { data: ' a' }, 'data:  a\n\n'],
  ['U+2028, which is no line break here', { data: 'a\u2028b' }, 'data: a\u2028b\n\n'],
  [
    'undefined parts, left out',
    { id: undefined, event: undefined, retry: undefined, fields: undefined, data: 'a' },
    'data: a\n\n',
  ],
]

test.each(written)('an event is written with %s', (_, event, text) => {
  expect(encodeEvent(event)).toBe(text)
})

describe('an event is refused', () => {
  const refused: readonly [name: string, event: WireEvent, code: WireErrorCode][] = [
    [
      'an id with LF cannot forge a second event',
      { id: '1\n\ndata: forged', data: 'a' },
      'EVENT_ID_INVALID',
    ],
    ['an id with CR cannot either', { id: '1\rdata: forged' }, 'EVENT_ID_INVALID'],
    ['an id with NUL would be ignored by every decoder', { id: '1\0' }, 'EVENT_ID_INVALID'],
    ['a type with LF cannot forge data', { event: 'a\ndata: forged' }, 'EVENT_TYPE_INVALID'],
    ['a type with CR cannot either', { event: 'a\r' }, 'EVENT_TYPE_INVALID'],
    [
      'a field value with LF cannot forge data',
      { fields: [['topic', 'a\ndata: forged']] },
      'EVENT_FIELD_INVALID',
    ],
    ['a field value with CR cannot either', { fields: [['topic', 'a\r']] }, 'EVENT_FIELD_INVALID'],
    ['a field name with LF', { fields: [['a\nb', '']] }, 'EVENT_FIELD_INVALID'],
    ['a field name with a colon', { fields: [['a:b', '']] }, 'EVENT_FIELD_INVALID'],
    ['a field without a name is a comment', { fields: [['', 'a']] }, 'EVENT_FIELD_INVALID'],
    ['a field named data', { fields: [['data', 'a']] }, 'EVENT_FIELD_INVALID'],
    ['a field named id', { fields: [['id', 'a']] }, 'EVENT_FIELD_INVALID'],
    ['a field named event', { fields: [['event', 'a']] }, 'EVENT_FIELD_INVALID'],
    ['a field named retry', { fields: [['retry', '1']] }, 'EVENT_FIELD_INVALID'],
    [
      'a field name that starts with a byte order mark',
      { fields: [['\uFEFFa', '']] },
      'EVENT_FIELD_INVALID',
    ],
    [
      '33 fields',
      { fields: Array.from({ length: 33 }, (_, i) => [`f${i}`, ''] as const) },
      'EVENT_FIELD_INVALID',
    ],
    ['a negative retry', { retry: -1 }, 'EVENT_RETRY_INVALID'],
    ['a broken retry', { retry: 1.5 }, 'EVENT_RETRY_INVALID'],
    ['a retry that is not a number', { retry: Number.NaN }, 'EVENT_RETRY_INVALID'],
    ['an endless retry', { retry: Infinity }, 'EVENT_RETRY_INVALID'],
    ['half a surrogate pair in data', { data: 'a\uD83C' }, 'EVENT_TEXT_INVALID'],
    ['half a surrogate pair in the id', { id: '\uDF0A' }, 'EVENT_TEXT_INVALID'],
    ['half a surrogate pair in the type', { event: '\uDF0A' }, 'EVENT_TEXT_INVALID'],
    ['half a surrogate pair in a field name', { fields: [['\uD83C', 'a']] }, 'EVENT_TEXT_INVALID'],
    [
      'two halves that meet only across texts',
      { event: '\uD83C', data: '\uDF0A' },
      'EVENT_TEXT_INVALID',
    ],
    ['two halves on both sides of a line break', { data: '\uD83C\n\uDF0A' }, 'EVENT_TEXT_INVALID'],
  ]

  test.each(refused)('%s', (_, event, code) => {
    expect(codeOf(() => encodeEvent(event))).toBe(code)
  })

  test('with a message that says what, got and what to do', () => {
    expect(() => encodeEvent({ id: 'a\nb' })).toThrow(
      'Event id must not contain CR, LF or NUL; got "a\\nb". Use the cursor the log gave you.',
    )
    expect(() => encodeEvent({ data: `${'x'.repeat(200)}\uD83C` })).toThrow(/got "x{20}\\ud83c/)
  })
})

test('a comment of several lines stays a comment', () => {
  expect(encodeComment('hi')).toBe(': hi\n\n')
  expect(encodeComment('')).toBe(': \n\n')
  expect(encodeComment('a\r\ndata: b\rc\nd')).toBe(': a\n: data: b\n: c\n: d\n\n')
  expect(codeOf(() => encodeComment('\uD83C'))).toBe('EVENT_TEXT_INVALID')
})

test('a retry is written in plain digits', () => {
  expect(encodeRetry(0)).toBe('retry: 0\n\n')
  expect(encodeRetry(-0)).toBe('retry: 0\n\n')
  expect(encodeRetry(Number.MAX_SAFE_INTEGER)).toBe('retry: 9007199254740991\n\n')
  expect(codeOf(() => encodeRetry(1e21))).toBe('EVENT_RETRY_INVALID')
})
