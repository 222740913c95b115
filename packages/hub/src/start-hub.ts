// The composition root of the process: configuration, log, engine and HTTP server become a hub.

import { systemClock } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import { Slots } from '@tidemark/server/hub'
import type { Tidemark } from '@tidemark/server'
import { quote, quoteValue } from '@tidemark/wire/values'
import { Bodies } from './bodies.ts'
import type { BodyLimits } from './bodies.ts'
import { requireConfig } from './config/load-config.ts'
import type { HubConfig } from './config/hub-config.ts'
import { DescriptorWatch } from './descriptor-watch.ts'
import { describeShortage, planConnections } from './descriptors.ts'
import { reportDroppedConnections } from './dropped-connections.ts'
import { HubError } from './errors.ts'
import { createHttpServer } from './http-server.ts'
import type { HttpServer } from './http-server.ts'
import type { Hub, HubOptions, ServingHub, WorkerShare } from './hub.ts'
import { KeptAnswer } from './kept-answer.ts'
import {
  answerLimits,
  drainRequestsMs,
  drainSettleMs,
  heldBytesMax,
  historyReadsMax,
  lineLimits,
  statsFreshMs,
} from './limits.ts'
import { listen } from './listen.ts'
import { isLoopbackName } from './loopback.ts'
import type { LogAbilities } from './log-abilities.ts'
import { describeChanged, openLog } from './open-log.ts'
import { Readiness } from './readiness.ts'
import type { HeldCertificate } from './tls/held-certificate.ts'
import { openTls } from './tls/open-tls.ts'
import { StrictTransport } from './tls/strict-transport.ts'
import { Traffic } from './traffic.ts'
import { UnreadAnswers } from './unread-answers.ts'
import { startWorkers } from './workers/start-workers.ts'

/**
 * Starts a hub: in this process, or with `config.workers` in so many processes that this one supervises.
 * @throws HubError `CONFIG_INVALID`, `HOST_NEEDS_AUTH`, `TLS_UNUSABLE`, `PORT_IN_USE`,
 * `ADDRESS_UNUSABLE`, `WORKER_ENDED`; LogError when the data directory cannot be used
 */
export async function startHub(given: HubConfig, options: HubOptions = {}): Promise<Hub> {
  const config = requireConfig(given)
  checkExposure(config)
  const say = readOnLine(options)
  const shortage = describeShortage(config)
  if (shortage !== undefined) say(shortage)
  const tls = openTls(config, say)
  try {
    const start = config.workers > 1 ? startWorkers : startNode
    const hub = await start(config, say, { held: tls?.held })
    await tls?.redirectTo(hub)
    return tls?.wrap(hub) ?? { ...hub, reload: () => say(nothingToReload) }
  } catch (error) {
    tls?.stop()
    throw error
  }
}

const nothingToReload =
  'There is no certificate to reload. All other settings hold until the next start.'

function readOnLine(options: HubOptions): (text: string) => void {
  let onLine: unknown = options
  try {
    if (typeof options === 'object' && options !== null) {
      const { onLine: own = (text: string) => process.stderr.write(`${text}\n`) } = options
      if (typeof own === 'function') return own
      onLine = own
    }
  } catch (cause) {
    throw new HubError('CONFIG_INVALID', 'The options of a hub throw when they are read.', {
      cause,
    })
  }
  throw new HubError(
    'CONFIG_INVALID',
    `A hub is started with a configuration and { onLine }, a function; got ${quoteValue(onLine)}.`,
  )
}

/** The parts of a node that other processes have as well. */
interface NodeParts {
  /** Undefined without TLS. */
  readonly held?: HeldCertificate | undefined
  /** One worker's of several; undefined for a hub of one process. */
  readonly share?: WorkerShare | undefined
}

/** Starts a hub in this process; with a share as one worker of several. */
export async function startNode(
  config: HubConfig,
  say: (text: string) => void,
  { held, share }: NodeParts = {},
): Promise<ServingHub> {
  const { sessionsMax, connectionsMax } = planConnections(config)
  const { log, abilities } = await openLog(config, say, share?.log)
  const onError = (error: unknown): void => say(describeError(error))
  const tide = createTidemark({
    log,
    // Loopback and the guard are all that stands before a hub without authentication (`checkExposure`).
    authorize: 'everyone',
    heartbeatMs: config.heartbeat,
    stalledAfterMs: config.stalledAfter,
    sessionsMax,
    topicSetsBytesMax: config.maxTopicSetsBytes,
    eventBytesMax: config.maxEventBytes,
    compression: config.compression,
    // A worker that replaces a dead one is no operator's restart, and puts nothing in force.
    lagRules: share?.log?.place === undefined ? config.delivery.rules : undefined,
    eventsPerSecondMax: config.delivery.eventsPerSecondMax,
    flushWindowMs: config.flush.window,
    flushWindowMaxMs: config.flush.windowMax,
    flushEventsMax: config.flush.events,
    flushBytesMax: config.flush.bytes,
    onError,
  })
  try {
    await tide.ready
    if (share?.log?.place === undefined && tide.lagRules.from === 'change')
      say(describeChanged('The list of rules for laggards', 'delivery.rules'))
    const traffic = new Traffic(lineLimits)
    const server = createHttpServer({
      context: {
        tide,
        readiness: new Readiness({ tide, abilities, held, clock: systemClock, onError }),
        strictTransport: planStrictTransport(config, held),
        stats: new KeptAnswer({
          clock: systemClock,
          keptMs: statsFreshMs,
          ask: share?.readStats ?? (() => tide.stats()),
        }),
        bodies: new Bodies(planBodies(config)),
        unreadAnswers: new UnreadAnswers(answerLimits, systemClock),
        historyReads: new Slots(historyReadsMax),
        hosts: config.insecure ? 'any' : 'loopback',
        clock: systemClock,
        onError,
      },
      traffic,
      connectionsMax,
      held,
    })
    const url = await (share?.listen(server) ?? listen(server, config))
    reportDroppedConnections(server, { clock: systemClock, say })
    return createHub(url, {
      server,
      traffic,
      tide,
      log,
      abilities,
      descriptors: new DescriptorWatch({ clock: systemClock, say }),
      drainSessionsPerSecond: share?.drainSessionsPerSecond,
    })
  } catch (error) {
    await tide.close()
    await log.close()
    throw error
  }
}

function planBodies({ maxRequestBytes }: HubConfig): BodyLimits {
  return {
    requestBytesMax: maxRequestBytes,
    heldBytesMax: Math.max(heldBytesMax, 2 * maxRequestBytes),
  }
}

function createHub(
  url: string,
  parts: {
    readonly server: HttpServer
    readonly traffic: Traffic
    readonly tide: Tidemark
    readonly log: EventLog
    readonly abilities: LogAbilities
    readonly descriptors: DescriptorWatch
    readonly drainSessionsPerSecond: number | undefined
  },
): ServingHub {
  const { server, traffic, tide, log, abilities, descriptors, drainSessionsPerSecond } = parts
  const { commits, files, faults } = abilities
  let listeningEnded: Promise<void> | undefined
  const stopListening = (): Promise<void> => {
    listeningEnded ??= new Promise((resolve) => server.close(() => resolve()))
    return listeningEnded
  }
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    descriptors.stop()
    await tide.close()
    const ended = stopListening()
    server.closeAllConnections()
    await ended
    await log.close()
  }
  return {
    url,
    failed: new Promise(() => undefined),
    stats: () => tide.stats(),
    get isStuck() {
      return commits?.isStuck ?? false
    },
    get commits() {
      return commits?.commits ?? 0
    },
    get isOutOfDescriptors() {
      return descriptors.isOutOfDescriptors
    },
    place: files?.place,
    get seen() {
      return faults?.fault === undefined ? files?.seen : undefined
    },
    async drain() {
      // Streams that are asked for now are told when to come back, and readiness says no: that takes a
      // hub that listens.
      traffic.beginDrain()
      const settled = wait(drainSettleMs)
      await tide.drain(drainSessionsPerSecond)
      await settled
      void stopListening()
      await traffic.untilQuiet(systemClock, drainRequestsMs)
      closing ??= close()
      await closing
    },
    async close() {
      closing ??= close()
      await closing
    },
  }
}

function wait(delayMs: number): Promise<void> {
  return new Promise((resolve) => systemClock.after(delayMs, resolve, { isAwaited: true }))
}

/**
 * Without authentication everybody who reaches the port may read and publish, so nobody but this
 * machine shall.
 */
function checkExposure({ host, insecure }: HubConfig): void {
  if (insecure || isLoopbackName(host)) return
  throw new HubError(
    'HOST_NEEDS_AUTH',
    `Without authentication the hub listens on loopback only; got the host ${quote(host)}. Leave --host out and put a proxy in front, or say --insecure if everyone who reaches the port may read and publish.`,
  )
}

function planStrictTransport(
  { tls }: HubConfig,
  held: HeldCertificate | undefined,
): StrictTransport | undefined {
  return tls?.hsts === true && held !== undefined ? new StrictTransport(held) : undefined
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
