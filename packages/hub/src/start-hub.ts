// The composition root of the process: configuration, log, engine and HTTP server become a hub.

import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '@tidemark/log'
import { createTidemark, quote } from '@tidemark/server'
import type { Tidemark } from '@tidemark/server'
import { Bodies } from './bodies.ts'
import type { BodyLimits } from './bodies.ts'
import type { HubConfig } from './config/schema.ts'
import { HubError } from './errors.ts'
import { isLoopbackName } from './guard.ts'
import { createHttpServer } from './http-server.ts'
import { connectionsSpare, drainRequestsMs, drainSettleMs, heldBytesMax } from './limits.ts'
import { openLog } from './open-log.ts'
import { Readiness } from './readiness.ts'
import { Traffic } from './traffic.ts'

/** A running hub. */
export interface Hub {
  /** Where it listens, `http://127.0.0.1:7070`. */
  readonly url: string
  /** Sends all sessions away at a steady pace, answers the requests in progress (for 5 s at most), then closes. */
  drain(): Promise<void>
  /** Ends everything now. Acknowledged events are on disk already. */
  close(): Promise<void>
}

/** What a hub says while it runs. */
export interface HubOptions {
  /** Told of what an operator should know, one line at a time. Default: standard error. */
  readonly onLine?: (text: string) => void
}

/**
 * Starts a hub.
 * @throws HubError `HOST_NEEDS_AUTH`, `PORT_IN_USE`, `ADDRESS_UNUSABLE`; LogError when the data directory cannot be used
 */
export async function startHub(config: HubConfig, options: HubOptions = {}): Promise<Hub> {
  checkExposure(config)
  const say = options.onLine ?? ((text: string) => process.stderr.write(`${text}\n`))
  const log = await openLog(config, say)
  const onError = (error: unknown): void => say(describeError(error))
  const tide = createTidemark({
    log,
    heartbeatMs: config.heartbeat,
    stalledAfterMs: config.stalledAfter,
    sessionsMax: config.maxSessions,
    eventBytesMax: config.maxEventBytes,
    flushWindowMs: config.flush.window,
    flushWindowMaxMs: config.flush.windowMax,
    flushEventsMax: config.flush.events,
    flushBytesMax: config.flush.bytes,
    onError,
  })
  try {
    await tide.ready
    const traffic = new Traffic()
    const server = createHttpServer({
      context: {
        tide,
        log,
        readiness: new Readiness(tide, systemClock),
        bodies: new Bodies(planBodies(config)),
        isLoopbackOnly: !config.insecure,
        clock: systemClock,
        onError,
      },
      traffic,
      connectionsMax: config.maxSessions + connectionsSpare,
    })
    const url = await listen(server, config)
    return createHub(url, { server, traffic, tide, closeLog: () => log.close() })
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
    readonly server: Server
    readonly traffic: Traffic
    readonly tide: Tidemark
    readonly closeLog: () => Promise<void>
  },
): Hub {
  const { server, traffic, tide, closeLog } = parts
  let listeningEnded: Promise<void> | undefined
  const stopListening = (): Promise<void> => {
    listeningEnded ??= new Promise((resolve) => server.close(() => resolve()))
    return listeningEnded
  }
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await tide.close()
    const ended = stopListening()
    server.closeAllConnections()
    await ended
    await closeLog()
  }
  return {
    url,
    async drain() {
      // Streams that knock now are told when to come back, and readiness says no: that takes a hub that listens.
      traffic.sendAway()
      const settled = wait(drainSettleMs)
      await tide.drain()
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
  return new Promise((resolve) => systemClock.after(delayMs, resolve))
}

/** Without authentication everybody who reaches the port may read and publish, so nobody but this machine shall. */
function checkExposure({ host, insecure }: HubConfig): void {
  if (insecure || isLoopbackName(host)) return
  throw new HubError(
    'HOST_NEEDS_AUTH',
    `Without authentication the hub listens on loopback only; got the host ${quote(host)}. Leave --host out and put a proxy in front, or say --insecure if everyone who reaches the port may read and publish.`,
  )
}

async function listen(server: Server, { host, port }: HubConfig): Promise<string> {
  const listening = once(server, 'listening')
  server.listen({ host, port })
  try {
    await listening
  } catch (error) {
    throw describeListenFault(error, host, port)
  }
  const address = server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${name}:${address.port}`
}

function describeListenFault(error: unknown, host: string, port: number): HubError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'EADDRINUSE') {
    return new HubError(
      'PORT_IN_USE',
      `Port ${port} on ${host} is in use by another program. Stop it, or choose another port with --port.`,
      { cause: error },
    )
  }
  return new HubError(
    'ADDRESS_UNUSABLE',
    `Cannot listen on ${host}:${port}: ${describeError(error)}. Choose another --host or --port.`,
    { cause: error },
  )
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
