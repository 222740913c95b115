// The shared vectors, whole and in every kind of pieces.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decodeAll, utf8 } from './helpers.ts'

interface Vector {
  readonly name: string
  readonly text?: string
  readonly base64?: string
  readonly events: readonly {
    readonly id: string
    readonly type?: string
    readonly data: string
    readonly fields?: Readonly<Record<string, string>>
  }[]
  readonly retries?: readonly number[]
  readonly comments?: readonly string[]
  readonly lastEventId?: string
}

const file = new URL('../../testkit/vectors/wire.json', import.meta.url)
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly vectors: readonly Vector[]
}

function bytesOf({ text, base64 }: Vector): Uint8Array {
  return text === undefined ? Buffer.from(base64 ?? '', 'base64') : utf8.encode(text)
}

/** The output, in the form in which the vectors are written. */
function outcomeOf(chunks: readonly (Uint8Array | string)[]): Omit<Vector, 'name'> {
  const { events, retries, comments, lastEventId } = decodeAll(chunks)
  const plain = events.map((event) => ({
    ...event,
    fields: Object.fromEntries(event.fields ?? []),
  }))
  return { events: plain, retries, comments, lastEventId }
}

describe.each(vectors)('$name', (vector) => {
  const bytes = bytesOf(vector)
  const expected = {
    events: vector.events.map((event) => ({ type: 'message', fields: {}, ...event })),
    retries: vector.retries ?? [],
    comments: vector.comments ?? [],
    lastEventId: vector.lastEventId ?? '',
  }

  test('in one chunk', () => {
    expect(outcomeOf([bytes])).toEqual(expected)
  })

  test('byte by byte', () => {
    expect(outcomeOf(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(expected)
  })

  test('cut in two at every place', () => {
    for (let at = 0; at <= bytes.length; at++) {
      expect(outcomeOf([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected)
    }
  })

  test('as text, character by character', () => {
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
    expect(outcomeOf(text.split(''))).toEqual(expected)
  })
})

test('vectors have different names', () => {
  expect(new Set(vectors.map((vector) => vector.name)).size).toBe(vectors.length)
})
