// A hub in a process of its own, set up as a scenario asks.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificate } from '../certificate.ts'
import { startHubProcess } from '../hub-process.ts'
import type { LoadHost } from './load-host.ts'
import type { Scenario } from './scenario.ts'

/**
 * A beat carries an id, so frequent ones move cursors between events. Other tests cover power loss.
 * Here a disk that others use would set the rate.
 */
const common: readonly string[] = [
  '--heartbeat=250ms',
  '--durability=commit',
  // A reader of the log at the end of a long run must find all of it.
  '--retention-max-bytes=64GiB',
]

/** Starts it; what the scenario says of delivery is in its configuration file. */
export async function startHub(scenario: Scenario, directory: string): Promise<LoadHost> {
  const { args = [], isTls = false, rules, eventsPerSecondMax } = scenario
  mkdirSync(directory, { recursive: true })
  const configure = (name: string, delivery: object): string => {
    const file = join(directory, name)
    writeFileSync(file, JSON.stringify({ delivery }))
    return `--config=${file}`
  }
  // A log takes only a directory of its own.
  const dataDirectory = join(directory, 'log')
  const certificate = isTls ? await makeCertificate(directory) : undefined
  const tls = certificate === undefined ? [] : certificate.args
  const hub = await startHubProcess({
    dataDirectory,
    args: [configure('hub.json', { rules, eventsPerSecondMax }), ...common, ...tls, ...args],
  })
  if (rules === undefined && eventsPerSecondMax === undefined) return hub
  // A reader of the whole log must get every event. So it asks a second hub, which sets no rate. The rules
  // are the same, as for all hubs of a log, and they leave out nothing of a replay.
  const readerArgs = [configure('reader.json', { rules }), ...common]
  const reader = await startHubProcess({ dataDirectory, args: readerArgs }).catch(async (error) => {
    await hub.stop()
    throw error
  })
  return {
    url: hub.url,
    logUrl: reader.url,
    pid: hub.pid,
    get output() {
      return hub.output
    },
    async stop() {
      await Promise.all([reader.stop(), hub.stop()])
    },
  }
}
