// The HTTP server alone, on an engine in memory, with limits a test can reach.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { memoryLog, systemClock } from '@tidemark/log'
import type { Clock, EventLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import { Slots } from '@tidemark/server/hub'
import type { Authorize } from '@tidemark/server'
import { onTestFinished } from 'vitest'
import { openClientLimits } from '../../src/client-limits.ts'
import { checkSettings } from '../../src/config/check-config.ts'
import { UnreadAnswers } from '../../src/unread-answers.ts'
import { Bodies } from '../../src/bodies.ts'
import type { BodyLimits } from '../../src/bodies.ts'
import { AllowedOrigins } from '../../src/cors.ts'
import type { PageRules } from '../../src/guard.ts'
import { createHttpServer } from '../../src/http-server.ts'
import {
  answerLimits,
  heldBytesMax,
  historyReadsMax,
  lineLimits,
  statsFreshMs,
} from '../../src/limits.ts'
import { HeldCertificate } from '../../src/tls/held-certificate.ts'
import type { Certificate } from '../../src/tls/load-certificate.ts'
import type { AnswerLimits, LineLimits, RequestTimes } from '../../src/limits.ts'
import { KeptAnswer } from '../../src/kept-answer.ts'
import { Readiness } from '../../src/readiness.ts'
import { Traffic } from '../../src/traffic.ts'
import { openWebhooks } from '../../src/webhooks/open-webhooks.ts'

export interface TestServerOptions {
  readonly log?: EventLog
  readonly authorize?: Authorize
  readonly pages?: Partial<PageRules>
  /** Sections of the configuration about limits, as in a file. */
  readonly settings?: object
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
  const checked = checkSettings(options.settings ?? {})
  if (checked.faults !== undefined) throw new Error(JSON.stringify(checked.faults))
  const limits = await openClientLimits({
    config: checked.config,
    log,
    clock: systemClock,
    say: () => undefined,
    onError: () => undefined,
    counts: undefined,
  })
  const tide = createTidemark({
    log,
    observer: limits.streams.observer,
    authorize: limits.streams.limitPublishes(options.authorize ?? 'everyone'),
    nodeName: options.nodeName,
  })
  await tide.ready
  await limits.follow(tide)
  const { clients, streams, counts } = limits
  const webhooks = await openWebhooks(checked.config, log, () => undefined)
  await webhooks.start()
  const server = createHttpServer({
    context: {
      tide,
      clients,
      streams,
      counts,
      isLocked: options.authorize !== undefined,
      access: undefined,
      resource: undefined,
      readiness: new Readiness({
        tide,
        abilities: {},
        clock: systemClock,
        onError: () => undefined,
      }),
      stats: new KeptAnswer({
        clock: options.clock ?? systemClock,
        keptMs: statsFreshMs,
        ask: () => tide.stats(),
      }),
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
      webhooks,
      onError: () => undefined,
    },
    traffic: new Traffic(options.lines ?? lineLimits),
    connectionsMax,
    held: options.certificate && new HeldCertificate({ certificate: options.certificate }),
    ...(options.times === undefined ? {} : { times: options.times }),
  })
  if (options.onConnection !== undefined) server.on('connection', options.onConnection)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await tide.close()
    await webhooks.close()
    await limits.close()
    await log.close()
  })
  return (server.address() as AddressInfo).port
}
