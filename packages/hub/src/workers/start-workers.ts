// A hub of several processes: this one accepts connections and supervises, the workers do everything else.

import { createServer } from 'node:net'
import process from 'node:process'
import { systemClock } from '@tidemark/log'
import { drainSessionsPerSecond, topicSetsBytesMin } from '@tidemark/server/hub'
import type { HubConfig } from '../config/hub-config.ts'
import type { Hub } from '../hub.ts'
import { DescriptorWatch } from '../descriptor-watch.ts'
import { planConnections, planHandovers } from '../descriptors.ts'
import { drainGraceMs, holdUpMs, watchLimits } from '../limits.ts'
import type { WatchLimits } from '../limits.ts'
import { listen } from '../listen.ts'
import { describeQueue } from './accept-queue.ts'
import { Door } from './door.ts'
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
  const narrowness = describeQueue(config)
  if (narrowness !== undefined) say(narrowness)
  const server = createServer({ pauseOnConnect: true, noDelay: true })
  const url = await listen(server, config)
  const door = new Door({ server, clock: systemClock, say, holdUp })
  const porter = new Porter({
    ...planConnections(config),
    onTheWayMax: planHandovers(config.workers),
    clock: systemClock,
    onRoom: (hasRoom) => door.want(hasRoom),
  })
  server.on('connection', (socket) => {
    porter.accept(socket)
    door.entered()
  })
  const descriptors = new DescriptorWatch({
    clock: systemClock,
    say,
    onChange: (isShort) => porter.setShort(isShort),
  })
  const stopListening = (): void => {
    descriptors.stop()
    door.close()
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
    door,
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

/** Stands still without using the processor. Nothing but hearing workers is missed meanwhile. */
function holdUp(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, holdUpMs)
}

/** Each worker holds its part of the sessions and of their topic sets, rounded up, and is a hub of one process otherwise. */
export function planShare(config: HubConfig): HubConfig {
  const { workers, maxSessions, maxTopicSetsBytes } = config
  return {
    ...config,
    workers: 1,
    maxSessions: Math.ceil(maxSessions / workers),
    maxTopicSetsBytes: Math.max(topicSetsBytesMin, Math.ceil(maxTopicSetsBytes / workers)),
  }
}
