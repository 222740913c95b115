// Snapshots of keyed topics against a model. Keys get values, are deleted and come to their end. Clients are
// cut, blocked and come back at another node, join topics and leave them, in a snapshot or out of one.
// When all is quiet, the table of each client is that of the log.

import { memoryLog } from '@tidemark/log'
import { createFakeClock, modelRuns } from '@tidemark/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addCounts,
  snapshotRules,
  snapshotSteps,
  SnapshotWorld,
  worldSettings,
} from './support/snapshot-world.ts'
import type { SnapshotCounts, SnapshotStep, WorldSettings } from './support/snapshot-world.ts'

async function run(
  settings: WorldSettings,
  steps: readonly SnapshotStep[],
): Promise<SnapshotWorld> {
  const clock = createFakeClock()
  const log = memoryLog({ clock, retention: { rules: snapshotRules } })
  const opened = { log, quiet: () => Promise.resolve(), close: () => log.close() }
  const world = new SnapshotWorld(clock, opened, settings)
  await world.begin()
  for (const next of steps) await world.take(next)
  await world.finish()
  await opened.close()
  return world
}

test('whatever the interleaving, snapshot and stream together make the table of the log', async () => {
  const sum: Partial<SnapshotCounts> = {}
  const check = fc.assert(
    fc.asyncProperty(worldSettings, snapshotSteps, async (settings, steps) => {
      addCounts(sum, await run(settings, steps))
    }),
    { numRuns: modelRuns(400) },
  )
  await expect(check).resolves.toBeUndefined()
  // Each happens often, or the model proves nothing.
  expect(sum.values).toBeGreaterThan(modelRuns(6_000))
  expect(sum.snapshots).toBeGreaterThan(modelRuns(2_000))
  expect(sum.deleted).toBeGreaterThan(modelRuns(3_000))
  expect(sum.resumed).toBeGreaterThan(modelRuns(600))
  expect(sum.dropped).toBeGreaterThan(modelRuns(15))
  expect(sum.gaps).toBeGreaterThan(modelRuns(100))
})
