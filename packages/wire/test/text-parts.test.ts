// Texts put together from parts, small and large in any order.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { partsMax, smallPartMax } from '../src/limits.ts'
import { TextParts } from '../src/text-parts.ts'

const part = fc.oneof(
  fc.string({ maxLength: 3 }),
  fc.constantFrom(smallPartMax, smallPartMax + 1, 200).map((length) => 'x'.repeat(length)),
)
/** Parts, some of them so often that small ones are joined before the end. */
const parts = fc
  .array(fc.tuple(part, fc.constantFrom(1, 2, partsMax - 1, partsMax, partsMax + 1)), {
    maxLength: 6,
  })
  .map((runs) => runs.flatMap(([text, times]) => Array<string>(times).fill(text)))

test.each(['', '\n'])(
  'parts joined with %j are the text, and nothing of it stays behind',
  (separator) => {
    fc.assert(
      fc.property(parts, parts, (first, second) => {
        const collected = new TextParts(separator)
        for (const texts of [first, second]) {
          for (const text of texts) collected.push(text)
          expect(collected.take()).toBe(texts.join(separator))
        }
      }),
      { numRuns: 100 },
    )
  },
)
