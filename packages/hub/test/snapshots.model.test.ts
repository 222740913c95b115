// The model of snapshots in server/test, on the durable log. There transactions end when the disk says so,
// and values end in transactions of their own.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventLog } from '@tidemark/log'
import { openLmdbLog } from '@tidemark/log-lmdb'
import { createFakeClock } from '@tidemark/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { settle } from '../../server/test/support/settle.ts'
import {
  addCounts,
  snapshotRules,
  snapshotSteps,
  SnapshotWorld,
  worldSettings,
} from '../../server/test/support/snapshot-world.ts'
import type {
  SnapshotCounts,
  SnapshotStep,
  WorldLog,
  WorldSettings,
} from '../../server/test/support/snapshot-world.ts'
import { wrapLog } from '../../server/test/support/wrap-log.ts'

/** No node waits longer for further events. */
const windowMs = 5

/** A log of a world, which says when all that was appended is there. */
async function openWorldLog(clock: ReturnType<typeof createFakeClock>): Promise<WorldLog> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-snapshots-'))
  const log = await openLmdbLog({
    directory,
    clock,
    durability: 'commit',
    retention: { rules: snapshotRules },
  })
  const underWay = new Set<Promise<unknown>>()
  const append: EventLog['append'] = async (batch) => {
    const appended = log.append(batch)
    underWay.add(appended)
    try {
      return await appended
    } finally {
      underWay.delete(appended)
    }
  }
  return {
    log: wrapLog(log, { append }),
    quiet: async () => {
      // A batch may wait for others by this clock, which nobody else moves now.
      do {
        clock.advance(windowMs)
        await Promise.allSettled(underWay)
      } while (underWay.size > 0)
      await log.sweep()
      await settle(2)
    },
    close: async () => {
      await log.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function run(
  settings: WorldSettings,
  steps: readonly SnapshotStep[],
): Promise<SnapshotWorld> {
  const clock = createFakeClock()
  const opened = await openWorldLog(clock)
  try {
    const world = new SnapshotWorld(clock, opened, settings)
    await world.begin()
    for (const next of steps) await world.take(next)
    await world.finish()
    return world
  } finally {
    await opened.close()
  }
}

test('whatever the interleaving, snapshot and stream together make the table of a durable log', async () => {
  const sum: Partial<SnapshotCounts> = {}
  const check = fc.assert(
    fc.asyncProperty(worldSettings, snapshotSteps, async (settings, steps) => {
      addCounts(sum, await run(settings, steps))
    }),
    { numRuns: 40 },
  )
  await expect(check).resolves.toBeUndefined()
  // Each happens often, or the model proves nothing.
  expect(sum.values).toBeGreaterThan(500)
  expect(sum.snapshots).toBeGreaterThan(150)
  expect(sum.deleted).toBeGreaterThan(250)
  expect(sum.resumed).toBeGreaterThan(40)
})
