// The memory of bodies of subscriptions while they arrive, whatever their parts.

import { collectGarbage } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { BodyBudget } from '../src/request/body-budget.ts'
import { JsonBody } from '../src/request/json-body.ts'
import { subscriptionBytesMax, subscriptionFreeBytes } from '../src/limits.ts'

/** Bodies that arrive in parts of so many bytes, until `count` are under way or one is refused. */
function fillBodies(partBytes: number, { count, bytes }: { count: number; bytes: number }) {
  const budget = new BodyBudget()
  const bodies: JsonBody[] = []
  // A character of two bytes in each part: V8 stores the whole text by two.
  const part = new TextEncoder().encode('€'.padStart(partBytes - 2, 'x').slice(-partBytes))
  const before = collectGarbage()
  let refused: unknown
  try {
    for (let i = 0; i < count; i++) {
      const body = new JsonBody(undefined, budget.begin())
      bodies.push(body)
      for (let sent = 0; sent + part.length <= bytes; sent += part.length) body.add(part)
    }
  } catch (error) {
    refused = error
  }
  return { refused, held: collectGarbage() - before, counted: budget.heldBytes, bodies }
}

test.each([3, 4, 17, 64, 1_000])(
  'bodies of subscriptions in parts of %d bytes hold no more than twice what they count for',
  (partBytes) => {
    const { held, counted, bodies } = fillBodies(partBytes, { count: 40, bytes: 256 * 1024 })
    expect(bodies.length).toBeGreaterThan(2)
    expect(held).toBeLessThan(2.1 * (counted + bodies.length * subscriptionFreeBytes))
  },
)

test('a subscription sent byte by byte is refused before its parts take all memory', () => {
  const { refused } = fillBodies(3, { count: 100_000, bytes: subscriptionBytesMax })
  expect(refused).toMatchObject({ code: 'FULL' })
})
