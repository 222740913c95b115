// The composition root of the process: configuration, log, engine and HTTP server become a hub.

import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import type { Tidemark } from '@tidemark/server'
import type { HubConfig } from './config/schema.ts'
import { HubError } from './errors.ts'
import { isLoopbackName } from './guard.ts'
import { createHttpServer } from './http-server.ts'
import { openLog } from './open-log.ts'
import { quote } from './quote.ts'
import { Readiness } from './readiness.ts'

/** A running hub. */
export interface Hub {
  /** Where it listens, `http://127.0.0.1:7070`. */
  readonly url: string
  /** Sends all sessions away at a steady pace, then closes. */
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
    sessionsMax: config.maxSessions,
    eventBytesMax: config.maxEventBytes,
    onError,
  })
  try {
    await tide.ready
    const server = createHttpServer({
      tide,
      log,
      readiness: new Readiness(tide, systemClock),
      requestBytesMax: config.maxRequestBytes,
      isLoopbackOnly: !config.insecure,
      clock: systemClock,
      onError,
    })
    const url = await listen(server, config)
    return createHub(url, { server, tide, closeLog: () => log.close() })
  } catch (error) {
    await tide.close()
    await log.close()
    throw error
  }
}

function createHub(
  url: string,
  parts: {
    readonly server: Server
    readonly tide: Tidemark
    readonly closeLog: () => Promise<void>
  },
): Hub {
  const { server, tide, closeLog } = parts
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await tide.close()
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
    await closeLog()
  }
  return {
    url,
    async drain() {
      await tide.drain()
      closing ??= close()
      await closing
    },
    async close() {
      closing ??= close()
      await closing
    },
  }
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
