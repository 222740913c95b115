// Signatures that need no second check, and those that do.

import { createSecretKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { knownTokenCharactersMax } from '../src/limits.ts'
import { KnownSignatures } from '../src/tokens/known-signatures.ts'

const key = createSecretKey(Buffer.alloc(32, 1))
const other = createSecretKey(Buffer.alloc(32, 1))

test('a token is known with the key that it was checked with, and not with one that was read anew', () => {
  const known = new KnownSignatures()
  known.add('one', key)
  expect(known.has('one', [other, key])).toBe(true)
  expect(known.has('one', [other])).toBe(false)
  expect(known.has('one ', [key])).toBe(false)
  known.add('one', other)
  expect(known.has('one', [key])).toBe(false)
  expect(known.has('one', [other])).toBe(true)
})

test('however many tokens come, those that are known take no more than their bound, the newest stay', () => {
  const known = new KnownSignatures()
  const length = 8_192
  const tokens = Array.from({ length: knownTokenCharactersMax / length + 2 }, (_, i) =>
    String(i).padStart(length, 'x'),
  )
  for (const token of tokens) {
    known.add(token, key)
    // One that is used stays, however old it is.
    expect(known.has(tokens[0] ?? '', [key])).toBe(true)
  }
  const kept = tokens.filter((token) => known.has(token, [key]))
  expect(kept).toHaveLength(knownTokenCharactersMax / length)
  expect(kept).not.toContain(tokens[1])
  expect(kept).toContain(tokens.at(-1))
})
