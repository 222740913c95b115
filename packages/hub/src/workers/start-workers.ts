// A hub of several processes: this one accepts connections and supervises, the workers do everything else.

import { createServer } from 'node:net'
import process from 'node:process'
import { systemClock } from '@tidemark/log'
import { drainSessionsPerSecond, feedBytesMin } from '@tidemark/server'
import type { HubConfig } from '../config/schema.ts'
import type { Hub } from '../hub.ts'
import { connectionsSpare, drainGraceMs, watchLimits } from '../limits.ts'
import type { WatchLimits } from '../limits.ts'
import { listen } from '../listen.ts'
import { Porter } from './porter.ts'
import { Supervisor } from './supervisor.ts'
import { forkWorker } from './worker-process.ts'

/**
 * Starts `config.workers` processes on one port; resolves when all of them serve.
 * @throws HubError `PORT_IN_USE`, `ADDRESS_UNUSABLE`, `WORKER_ENDED`; what a worker that cannot start says
 */
export async function startWorkers(
  config: HubConfig,
  say: (text: string) => void,
  watch: WatchLimits = watchLimits,
): Promise<Hub> {
  const porter = new Porter({
    connectionsMax: config.maxSessions + connectionsSpare,
    clock: systemClock,
  })
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) =>
    porter.accept(socket),
  )
  const url = await listen(server, config)
  const stopListening = (): void => {
    server.close()
    porter.close()
  }
  const supervisor = new Supervisor({
    workers: config.workers,
    start: {
      kind: 'start',
      config: planShare(config),
      url,
      drainSessionsPerSecond: drainSessionsPerSecond / config.workers,
    },
    drainMsMax: (config.maxSessions / drainSessionsPerSecond) * 1_000 + drainGraceMs,
    watch,
    fork: forkWorker,
    porter,
    clock: systemClock,
    say,
    // The port stays open while workers drain: those who knock are told by them when to come back.
    onClosed: stopListening,
  })
  const kill = (): void => supervisor.kill()
  process.once('exit', kill)
  const stop = (): void => {
    stopListening()
    process.off('exit', kill)
  }
  try {
    await supervisor.start()
  } catch (error) {
    await supervisor.close()
    stop()
    throw error
  }
  return {
    url,
    failed: supervisor.failed,
    drain: () => supervisor.drain().finally(stop),
    close: () => supervisor.close().finally(stop),
  }
}

/** Each worker holds its part of the sessions and of their topic sets, rounded up, and is a hub of one process otherwise. */
export function planShare(config: HubConfig): HubConfig {
  const { workers, maxSessions, maxFeedBytes } = config
  return {
    ...config,
    workers: 1,
    maxSessions: Math.ceil(maxSessions / workers),
    maxFeedBytes: Math.max(feedBytesMin, Math.ceil(maxFeedBytes / workers)),
  }
}
