// A hub in a process of its own, set up as a scenario asks.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startHubProcess } from '../hub-process.ts'
import type { LoadHost, Scenario } from './scenario.ts'

/** Starts it; what the scenario says of rules is in its configuration file. */
export async function startHub(scenario: Scenario, dataDirectory: string): Promise<LoadHost> {
  const { args = [], config, rules } = scenario
  const delivery = rules === undefined ? {} : { delivery: { rules } }
  mkdirSync(dataDirectory, { recursive: true })
  const file = join(dataDirectory, 'tidemark.config.json')
  writeFileSync(file, JSON.stringify({ ...delivery, ...config }))
  return startHubProcess({
    // A log takes only a directory of its own.
    dataDirectory: join(dataDirectory, 'log'),
    // A beat carries an id, so frequent ones move cursors between events.
    args: [`--config=${file}`, '--heartbeat=250ms', ...args],
  })
}
