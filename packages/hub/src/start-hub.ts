// The composition root of the process: configuration, log, engine and HTTP server become a hub.

import type { Access } from '@tidemark/access'
import { systemClock } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import type { Authorize, NodeObserver, Tidemark } from '@tidemark/server'
import { quoteValue } from '@tidemark/wire/values'
import { createContext } from './answer-context.ts'
import { hasKeys, isLocked } from './config/access-choice.ts'
import { openClientLimits } from './client-limits.ts'
import type { ClientLimits } from './client-limits.ts'
import { requireConfig } from './config/load-config.ts'
import type { HubConfig } from './config/hub-config.ts'
import { DescriptorWatch } from './descriptor-watch.ts'
import { describeShortage, planConnections } from './descriptors.ts'
import { reportDroppedConnections } from './dropped-connections.ts'
import { HubError } from './errors.ts'
import { checkExposure, describeExposure } from './exposure.ts'
import { createHttpServer } from './http-server.ts'
import type { HttpServer } from './http-server.ts'
import { openAccess, planAuthorize } from './hub-access.ts'
import type { Hub, HubOptions, ServingHub, WorkerShare } from './hub.ts'
import { drainRequestsMs, drainSettleMs, lineLimits } from './limits.ts'
import { listen } from './listen.ts'
import type { LogAbilities } from './log-abilities.ts'
import { joinObservers } from './observers.ts'
import { openLog } from './open-log.ts'
import { describeChangedRules, planRules } from './plan-rules.ts'
import { ProtectedResource } from './protected-resource.ts'
import type { HeldCertificate } from './tls/held-certificate.ts'
import { openTls } from './tls/open-tls.ts'
import { Traffic } from './traffic.ts'
import { checkReceivers } from './webhooks/check-receivers.ts'
import { openWebhooks } from './webhooks/open-webhooks.ts'
import { describeUnseenTopics } from './webhooks/unseen-topics.ts'
import type { Webhooks } from './webhooks/webhooks.ts'
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
  for (const line of describeExposure(config)) say(line)
  const shortage = describeShortage(config)
  if (shortage !== undefined) say(shortage)
  await checkReceivers(config, { clock: systemClock, say })
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
  // A worker that replaces a dead one is no operator's restart, and puts nothing in force.
  const isFirstStart = share?.log?.place === undefined
  const resource = hasKeys(config) ? new ProtectedResource(config) : undefined
  let access: Access | undefined
  let tide: Tidemark | undefined
  let limits: ClientLimits | undefined
  let webhooks: Webhooks | undefined
  try {
    webhooks = await openWebhooks(config, log, onError)
    access = await openAccess(config, { clock: systemClock, log, isFirstStart, say })
    const given = { config, log, clock: systemClock, say, onError, counts: share?.counts }
    limits = await openClientLimits(given)
    // Where nobody asks who is there, nobody is a user.
    const observer = joinObservers([access && limits.streams.observer, webhooks.observer])
    const decide = planAuthorize(access, { host: config.host, resource })
    const authorize = limits.streams.limitPublishes(decide)
    tide = createEngine(config, { log, authorize, sessionsMax, isFirstStart, observer, onError })
    access?.follow(tide)
    await tide.ready
    await limits.follow(tide)
    await webhooks.start(tide.presentTopics)
    if (isFirstStart) for (const line of describeChangedRules(tide)) say(line)
    if (isFirstStart)
      for (const line of describeUnseenTopics(config, tide.rules.presence.list)) say(line)
    const traffic = new Traffic(lineLimits)
    const parts = { tide, limits, access, webhooks, abilities }
    const { readStats } = share ?? {}
    const context = createContext(config, { ...parts, resource, readStats, held, onError })
    const server = createHttpServer({ context, traffic, connectionsMax, held })
    const url = await (share?.listen(server) ?? listen(server, config))
    reportDroppedConnections(server, { clock: systemClock, say })
    return createHub(url, {
      isLocked: isLocked(config),
      ...parts,
      server,
      traffic,
      log,
      descriptors: new DescriptorWatch({ clock: systemClock, say }),
      drainSessionsPerSecond: share?.drainSessionsPerSecond,
    })
  } catch (error) {
    await tide?.close()
    await webhooks?.close()
    await limits?.close()
    access?.close()
    await log.close()
    throw error
  }
}

interface Engine {
  readonly log: EventLog
  readonly authorize: Authorize | 'everyone'
  readonly sessionsMax: number
  readonly isFirstStart: boolean
  readonly observer: NodeObserver | undefined
  readonly onError: (error: unknown) => void
}

function createEngine(config: HubConfig, engine: Engine): Tidemark {
  const { isFirstStart, ...given } = engine
  return createTidemark({
    ...given,
    heartbeatMs: config.heartbeat,
    stalledAfterMs: config.stalledAfter,
    topicSetsBytesMax: config.maxTopicSetsBytes,
    eventBytesMax: config.maxEventBytes,
    compression: config.compression,
    rules: isFirstStart ? planRules(config) : undefined,
    eventsPerSecondMax: config.delivery.eventsPerSecondMax,
    flushWindowMs: config.flush.window,
    flushWindowMaxMs: config.flush.windowMax,
    flushEventsMax: config.flush.events,
    flushBytesMax: config.flush.bytes,
  })
}

interface ServingParts {
  readonly isLocked: boolean
  readonly server: HttpServer
  readonly traffic: Traffic
  readonly tide: Tidemark
  readonly limits: ClientLimits
  readonly access: Access | undefined
  readonly webhooks: Webhooks
  readonly log: EventLog
  readonly abilities: LogAbilities
  readonly descriptors: DescriptorWatch
  readonly drainSessionsPerSecond: number | undefined
}

function createHub(url: string, parts: ServingParts): ServingHub {
  const { server, traffic, tide, abilities, descriptors, drainSessionsPerSecond } = parts
  const { isLocked: isAsking } = parts
  const { commits, files, faults } = abilities
  let listeningEnded: Promise<void> | undefined
  const stopListening = (): Promise<void> => {
    listeningEnded ??= new Promise((resolve) => server.close(() => resolve()))
    return listeningEnded
  }
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => closeParts(parts, stopListening)
  return {
    url,
    isLocked: isAsking,
    failed: new Promise(() => undefined),
    stats: () => tide.stats(),
    endStalled: (address) => parts.limits.endStalled(address),
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

async function closeParts(
  { descriptors, webhooks, tide, access, server, limits, log }: ServingParts,
  stopListening: () => Promise<void>,
): Promise<void> {
  descriptors.stop()
  await webhooks.stop()
  await tide.close()
  // Behind the last sessions, of which it tells.
  await webhooks.close()
  access?.close()
  const ended = stopListening()
  server.closeAllConnections()
  await ended
  await limits.close()
  await log.close()
}

function wait(delayMs: number): Promise<void> {
  return new Promise((resolve) => systemClock.after(delayMs, resolve, { isAwaited: true }))
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
