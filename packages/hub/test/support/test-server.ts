// The HTTP server alone, on an engine in memory, with limits a test can reach.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { memoryLog, systemClock } from '@tidemark/log'
import type { Clock, EventLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import { Slots } from '@tidemark/server/hub'
import type { Authorize } from '@tidemark/server'
import { onTestFinished } from 'vitest'
import { UnreadAnswers } from '../../src/unread-answers.ts'
import { Bodies } from '../../src/bodies.ts'
import type { BodyLimits } from '../../src/bodies.ts'
import { AllowedOrigins } from '../../src/cors.ts'
import type { PageRules } from '../../src/guard.ts'
import { createHttpServer } from '../../src/http-server.ts'
import type { Certificate } from '../../src/load-certificate.ts'
import { answerLimits, heldBytesMax, historyReadsMax, lineLimits } from '../../src/limits.ts'
import type { AnswerLimits, LineLimits, RequestTimes } from '../../src/limits.ts'
import { Readiness } from '../../src/readiness.ts'
import { Traffic } from '../../src/traffic.ts'

export interface TestServerOptions {
  readonly log?: EventLog
  readonly authorize?: Authorize
  readonly pages?: Partial<PageRules>
  readonly nodeName?: string
  readonly bodies?: BodyLimits
  readonly answers?: AnswerLimits
  /** By which unread answers are cut. Default: the machine's. */
  readonly clock?: Clock
  readonly connectionsMax?: number
  readonly certificate?: Certificate
  readonly times?: RequestTimes
  /** Called when the server has accepted a connection, before it reads from it. */
  readonly onConnection?: () => void
  readonly lines?: LineLimits
}

/** Starts it; resolves to its port. */
export async function startTestServer(options: TestServerOptions): Promise<number> {
  const { log = memoryLog(), connectionsMax = 100 } = options
  const { bodies = { requestBytesMax: 8 * 1024 * 1024, heldBytesMax } } = options
  const tide = createTidemark({
    log,
    authorize: options.authorize ?? 'everyone',
    nodeName: options.nodeName,
  })
  const server = createHttpServer({
    context: {
      tide,
      isLocked: options.authorize !== undefined,
      resource: undefined,
      readiness: new Readiness({
        tide,
        abilities: {},
        clock: systemClock,
        onError: () => undefined,
      }),
      readStats: () => Promise.resolve(tide.stats()),
      bodies: new Bodies(bodies),
      unreadAnswers: new UnreadAnswers(
        options.answers ?? answerLimits,
        options.clock ?? systemClock,
      ),
      historyReads: new Slots(historyReadsMax),
      pages: {
        hosts: 'loopback',
        origins: new AllowedOrigins({ origins: [], credentials: false }),
        cookie: undefined,
        ...options.pages,
      },
      clock: systemClock,
      onError: () => undefined,
    },
    traffic: new Traffic(options.lines ?? lineLimits),
    connectionsMax,
    certificate: options.certificate,
    ...(options.times === undefined ? {} : { times: options.times }),
  })
  if (options.onConnection !== undefined) server.on('connection', options.onConnection)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await tide.close()
    await log.close()
  })
  return (server.address() as AddressInfo).port
}
