// Whom the judge of a load test must hold to everything.

import { expect, test } from 'vitest'
import { bulkSets, canFallBehind, drawSubscribers, smallSets } from '../src/load/plan.ts'
import type { Group } from '../src/load/plan.ts'
import { createRandom } from '../src/seeded-random.ts'

test('only who reads slowly, or gets padded events, may be behind', () => {
  const canBe = (group: Omit<Group, 'count'>): ReadonlySet<boolean> =>
    new Set(drawSubscribers([{ count: 50, ...group }], createRandom(1), 100).map(canFallBehind))
  expect(canBe({ topicSets: smallSets, habits: ['steady', 'cut'] })).toEqual(new Set([false]))
  expect(canBe({ topicSets: bulkSets, habits: ['steady', 'cut'] })).toEqual(new Set([true]))
  expect(canBe({ topicSets: smallSets, habits: ['pausing', 'trickling'] })).toEqual(new Set([true]))
})
