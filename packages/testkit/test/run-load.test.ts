// A load run that cannot begin must leave nothing behind.

import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { runLoad } from '../src/load/run-load.ts'
import { loadScenarios } from '../src/load/scenarios.ts'

test('what was started for a run is stopped when the run fails before it has begun', async () => {
  let stops = 0
  const host = {
    url: 'http://127.0.0.1:1',
    pid: undefined,
    output: 'a warning',
    stop: () => {
      stops += 1
      return Promise.resolve()
    },
  }
  const [usual] = loadScenarios
  if (usual === undefined) throw new Error('There is no scenario.')
  // Nobody can subscribe to no topic set.
  const crowd = [{ count: 1, topicSets: [], habits: [] }]
  const scenario = { ...usual, crowd, startHost: () => Promise.resolve(host) }
  const run = runLoad({ scenario, seed: 1, seconds: 1, dataDirectory: tmpdir() })
  await expect(run).rejects.toThrow('The run broke off; the hub has written: a warning')
  expect(stops).toBe(1)
})
