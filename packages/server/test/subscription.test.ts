// The requests that a client may make, and the answers to all others.

import { describe, expect, test } from 'vitest'
import { parseSubscriptionBody, parseSubscriptionQuery } from '../src/hub/index.ts'

const parse = (query: string, header?: string) =>
  parseSubscriptionQuery(new URLSearchParams(query), header)
const parseStrictly = (query: string) =>
  parseSubscriptionQuery(new URLSearchParams(query), undefined, { unknownParameters: 'refuse' })

test('topics come one by one, as a list, or both, and doubles count once', () => {
  expect(parse('topic=b&topics=a,b&topic=c/*').topics.key).toBe('a\nb\nc/*')
})

test('sets that are equal share a framing and a key, in whatever order they were asked for', () => {
  const one = parse('topics=a,b&fields=key,time')
  const other = parse('topic=b&topic=a&fields=time,key')
  expect(one.framing.key).toBe(other.framing.key)
  expect(one.topics.key).toBe(other.topics.key)
})

test('several topics, or a pattern, get a topic line without asking', () => {
  expect(parse('topic=a').framing.key).toBe(parse('topic=b').framing.key)
  expect(parse('topic=a').framing.key).not.toBe(parse('topics=a,b').framing.key)
  expect(parse('topic=*').framing.key).toBe(parse('topics=a,b').framing.key)
})

describe('refused, with the reason', () => {
  test.each([
    ['', 'TOPIC_SET_INVALID', /at least one topic/],
    ['topic=', 'TOPIC_INVALID', /empty/],
    ['topics=a,,b', 'TOPIC_INVALID', /empty/],
    ['topic=a*b', 'TOPIC_INVALID', /whole segment/],
    ['topic=a/**/b', 'TOPIC_INVALID', /last segment/],
    ['topic=..', 'TOPIC_INVALID', /URLs drop/],
    ['topic=a%00b', 'TOPIC_INVALID', /control character/],
    [`topic=${'x'.repeat(257)}`, 'TOPIC_INVALID', /256 bytes/],
    ['topic=a&since=now&since=earliest', 'QUERY_INVALID', /once; got 2/],
    ['topic=a&since=yesterday', 'QUERY_INVALID', /since must be/],
    ['topic=a&since=-0', 'QUERY_INVALID', /1 to 10000/],
    ['topic=a&since=-10001', 'QUERY_INVALID', /1 to 10000/],
    ['topic=a&since=400d', 'QUERY_INVALID', /366 days/],
    ['topic=a&fields=topic,colour', 'QUERY_INVALID', /fields takes topic, key, time/],
    ['topic=a&framing=xml', 'QUERY_INVALID', /plain, envelope or batch/],
    ['topic=a&label=', 'QUERY_INVALID', /label is a name/],
    ['topic=a&label=a%0Ab', 'QUERY_INVALID', /without control characters/],
    [`topic=a&label=${'x'.repeat(257)}`, 'QUERY_INVALID', /1 to 256 characters/],
    ['topic=a&label=x&label=y', 'QUERY_INVALID', /once; got 2/],
    ['topic=a&event=type', 'QUERY_INVALID', /event takes one value/],
  ])('%s', (query, code, message) => {
    expect(() => parse(query)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }),
    )
  })

  test('an unknown parameter, where the query belongs to nobody else', () => {
    expect(() => parseStrictly('topic=a&tpic=b')).toThrow(
      expect.objectContaining({
        code: 'QUERY_INVALID',
        message: expect.stringMatching(/Did you mean topic\?/) as string,
      }),
    )
  })

  test('1,001 topics in one subscription', () => {
    const topics = Array.from({ length: 1_001 }, (_, i) => `t/${i}`)
    expect(() => parseSubscriptionBody({ topics })).toThrow(
      expect.objectContaining({
        code: 'TOPIC_SET_INVALID',
        message: expect.stringMatching(/1000 topics at most; got 1001/) as string,
      }),
    )
    expect(parseSubscriptionBody({ topics: topics.slice(1) }).topics.topics).toHaveLength(1_000)
  })

  test('patterns of more than 8,000 segments together', () => {
    const deep = 'x/'.repeat(20)
    const topics = Array.from({ length: 400 }, (_, i) => `${i}/${deep}*`)
    expect(() => parseSubscriptionBody({ topics })).toThrow(
      expect.objectContaining({ code: 'TOPIC_SET_INVALID' }),
    )
  })

  test.each([
    [null],
    [[]],
    ['a'],
    [{ topics: 'a' }],
    [{ topics: [1] }],
    [{ topics: ['a'], since: 5 }],
    [{ topics: ['a'], topc: 1 }],
    [{ topics: ['a'], label: 5 }],
    [{ topics: ['a'], label: '' }],
  ])('the body %j', (body) => {
    expect(() => parseSubscriptionBody(body)).toThrow(
      expect.objectContaining({ code: 'QUERY_INVALID' }),
    )
  })
})

test('an unreadable cursor falls back to since, and is remembered as unreadable', () => {
  expect(parse('topic=a&since=earliest', 'what?').start).toEqual({
    kind: 'unreadable',
    otherwise: { kind: 'earliest' },
  })
  expect(parse('topic=a&since=earliest', '').start).toEqual({ kind: 'earliest' })
})

test('a cursor with a part nobody here knows is not resumed as if the part were not there', () => {
  const start = { kind: 'unreadable', otherwise: { kind: 'now' } }
  expect(parse('topic=a', '1abcdefghijklmno0000-5~sJ0x').start).toMatchObject(start)
  expect(parse('topic=a', '1abcdefghijklmno0000-5').start).toMatchObject({ kind: 'cursor' })
})
