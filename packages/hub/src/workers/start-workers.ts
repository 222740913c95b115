// A hub of several processes. This process accepts connections and supervises; the workers do
// everything else.

import { createServer } from 'node:net'
import process from 'node:process'
import { systemClock } from '@tidemark/log'
import { drainSessionsPerSecond, topicSetsBytesMin } from '@tidemark/server/hub'
import { isLocked } from '../config/access-choice.ts'
import type { HubConfig } from '../config/hub-config.ts'
import { planCounts } from '../count-rules.ts'
import type { RunningHub } from '../hub.ts'
import { DescriptorWatch } from '../descriptor-watch.ts'
import { planConnections, planHandovers } from '../descriptors.ts'
import { drainGraceMs, holdUpMs, watchLimits } from '../limits.ts'
import type { WatchLimits } from '../limits.ts'
import { listen } from '../listen.ts'
import type { HeldCertificate } from '../tls/held-certificate.ts'
import { describeQueue } from './accept-queue.ts'
import { ListeningSocket } from './listening-socket.ts'
import { Dispatcher } from './dispatcher.ts'
import { Supervisor } from './supervisor.ts'
import { forkWorker } from './worker-process.ts'

interface WorkersParts {
  readonly watch?: WatchLimits
  /** Undefined without TLS. */
  readonly held?: HeldCertificate | undefined
}

/**
 * Starts `config.workers` processes on one port; resolves when all of them serve.
 * @throws HubError `PORT_IN_USE`, `ADDRESS_UNUSABLE`, `WORKER_ENDED`; or the error of a worker that
 *   cannot start
 */
export async function startWorkers(
  config: HubConfig,
  say: (text: string) => void,
  { watch = watchLimits, held }: WorkersParts = {},
): Promise<RunningHub> {
  const queueWarning = describeQueue(config)
  if (queueWarning !== undefined) say(queueWarning)
  const server = createServer({ pauseOnConnect: true, noDelay: true })
  const url = await listen(server, config)
  const listeningSocket = new ListeningSocket({ server, clock: systemClock, say, holdUp })
  const dispatcher = new Dispatcher({
    ...planConnections(config),
    onTheWayMax: planHandovers(config),
    clock: systemClock,
    onRoom: (hasRoom) => listeningSocket.setOpen(hasRoom),
  })
  server.on('connection', (socket) => {
    dispatcher.accept(socket)
    listeningSocket.accepted()
  })
  const descriptors = new DescriptorWatch({
    clock: systemClock,
    say,
    onChange: (isOutOfDescriptors) => dispatcher.setOutOfDescriptors(isOutOfDescriptors),
  })
  const stopListening = (): void => {
    descriptors.stop()
    listeningSocket.close()
    dispatcher.close()
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
    dispatcher,
    counts: planCounts(config),
    listeningSocket,
    held,
    clock: systemClock,
    say,
    // The port stays open while workers drain, so that new clients are told when to come back.
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
    isLocked: isLocked(config),
    failed: supervisor.failed,
    drain: () => supervisor.drain().finally(stop),
    close: () => supervisor.close().finally(stop),
  }
}

/** Blocks this process without using the processor. Only messages of workers are delayed. */
function holdUp(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, holdUpMs)
}

/**
 * One worker's share of the configuration. Each worker holds its part of the sessions and of their
 * topic sets, rounded up. Otherwise it is a hub of one process.
 */
export function planShare(config: HubConfig): HubConfig {
  const { workers, maxSessions, maxTopicSetsBytes } = config
  return {
    ...config,
    workers: 1,
    maxSessions: Math.ceil(maxSessions / workers),
    maxTopicSetsBytes: Math.max(topicSetsBytesMin, Math.ceil(maxTopicSetsBytes / workers)),
  }
}
