// Cutting a value out of a JSON text gives what JSON.parse would have seen there.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseEventInputs } from '../src/event-input.ts'
import { findRawMember, nestsDeeper, skipValue } from '../src/raw-json.ts'

/** JSON as people write it: members in any spelling and number, whitespace anywhere. */
const spacing = fc.constantFrom('', '', ' ', '\n', '\t\r\n')
const memberName = fc.oneof(
  fc.constantFrom('"data"', '"d\\u0061ta"', '"dat"', '"__proto__"', '"\\\\\\""', '"topic"'),
  fc.string().map((name) => JSON.stringify(name)),
)
const member = fc
  .tuple(memberName, fc.json(), spacing, spacing)
  .map(([name, value, before, after]) => `${before}${name}${after}:${before}${value}${after}`)
const objectText = fc
  .tuple(fc.array(member), spacing)
  .map(([members, space]) => `${space}{${space}${members.join(',')}${space}}${space}`)

test('a member cut out of an object is the one JSON.parse finds, the last of its name', () => {
  fc.assert(
    fc.property(objectText, (text) => {
      const parsed = JSON.parse(text) as Record<string, unknown>
      const raw = findRawMember(text, 'data')
      expect(raw === undefined ? undefined : (JSON.parse(raw) as unknown)).toEqual(parsed['data'])
      expect(raw?.trim()).toBe(raw)
    }),
    { numRuns: 1_000 },
  )
})

test('a value ends where JSON says, whatever follows', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom('', ',1', '}', ']', ' ', '\n{}'), (value, rest) => {
      expect(skipValue(value + rest, 0)).toBe(value.length)
    }),
  )
})

test('an array cut into its events is taken only if JSON.parse takes it, and never called malformed if it does', () => {
  const event = fc.constantFrom('{"topic":"a","data":[1,"]"]}', '{"topic":"a","data":"\\"}"}')
  const noise = fc.constantFrom(',', ']', '[', '}', '{', '"', '\\', ' ', '\n', 'x', '1', ':')
  const parts = fc.array(fc.oneof({ weight: 3, arbitrary: event }, noise), { maxLength: 8 })
  fc.assert(
    fc.property(parts, fc.constantFrom(',', ''), (items, separator) => {
      const body = `[${items.join(separator)}]`
      const fault = catchFault(() => parseEventInputs(body, 'application/json'))
      if (catchFault(() => JSON.parse(body)) === undefined) {
        expect(fault).not.toMatchObject({ code: 'BODY_NOT_JSON' })
      } else {
        expect(fault).toBeInstanceOf(Error)
      }
    }),
    { numRuns: 2_000 },
  )
})

function catchFault(parse: () => unknown): unknown {
  try {
    parse()
    return undefined
  } catch (error) {
    return error
  }
}

test('levels are counted outside strings', () => {
  expect(nestsDeeper('[[["[[[[[["]]]', 3)).toBe(false)
  expect(nestsDeeper('[[[[]]]]', 3)).toBe(true)
  expect(nestsDeeper('[[],[],[],[]]', 2)).toBe(false)
})

test.each([
  ['an unterminated string of backslashes', `"${'\\'.repeat(4_000_000)}`],
  ['escaped quotes', `"${'\\"'.repeat(2_000_000)}`],
  ['brackets', '['.repeat(4_000_000)],
  ['quotes', '"'.repeat(4_000_000)],
])('cutting takes linear time on %s', (_, text) => {
  const before = process.cpuUsage()
  expect(skipValue(text, 0)).toBeGreaterThan(0)
  nestsDeeper(text, 1_000)
  // Quadratic time would be hours. Time of this process, so that a machine that is busy with something
  // else changes little.
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000)
})
