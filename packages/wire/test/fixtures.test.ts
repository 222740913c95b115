// The streams of bench/wire.ts give the same events as text and as bytes.

import { wireFixtures } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { decodeAll } from './helpers.ts'

test.each(wireFixtures())('$name', ({ text, bytes, eventCount }) => {
  const decoded = decodeAll(text)
  expect(decoded.events).toHaveLength(eventCount)
  expect(decodeAll(bytes)).toEqual(decoded)
})
