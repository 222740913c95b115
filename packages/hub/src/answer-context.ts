// The parts of a node, put together for those who answer requests.

import type { Access } from '@tidemark/access'
import { systemClock } from '@tidemark/log'
import type { Tidemark } from '@tidemark/server'
import { Slots } from '@tidemark/server/hub'
import type { AnswerContext } from './answer.ts'
import { Bodies } from './bodies.ts'
import type { BodyLimits } from './bodies.ts'
import type { ClientLimits } from './client-limits.ts'
import { hasKeys, isLocked } from './config/access-choice.ts'
import type { HubConfig } from './config/hub-config.ts'
import { AllowedOrigins } from './cors.ts'
import type { PageRules } from './guard.ts'
import type { WorkerShare } from './hub.ts'
import { KeptAnswer } from './kept-answer.ts'
import { strangersPerTurnMax } from './config/limits.ts'
import { answerLimits, heldBytesMax, historyReadsMax, statsFreshMs } from './limits.ts'
import type { LogAbilities } from './log-abilities.ts'
import type { ProtectedResource } from './protected-resource.ts'
import { Readiness } from './readiness.ts'
import type { HeldCertificate } from './tls/held-certificate.ts'
import { StrictTransport } from './tls/strict-transport.ts'
import { Strangers } from './strangers.ts'
import { UnreadAnswers } from './unread-answers.ts'
import type { Webhooks } from './webhooks/webhooks.ts'

/** The parts of a node that answering needs. */
export interface ContextParts {
  readonly tide: Tidemark
  readonly limits: ClientLimits
  readonly access: Access | undefined
  readonly resource: ProtectedResource | undefined
  readonly abilities: LogAbilities
  /** Undefined without TLS. */
  readonly held: HeldCertificate | undefined
  readonly readStats: WorkerShare['readStats'] | undefined
  readonly webhooks: Webhooks
  readonly onError: (error: unknown) => void
}

/** The context of all answers of a node. */
export function createContext(
  config: HubConfig,
  { abilities, held, limits, readStats, ...parts }: ContextParts,
): AnswerContext {
  const { tide, access, onError } = parts
  const warnings = (): readonly string[] => access?.warnings ?? []
  return {
    ...parts,
    clients: limits.clients,
    streams: limits.streams,
    counts: limits.counts,
    isLocked: isLocked(config),
    readiness: new Readiness({ tide, abilities, held, warnings, clock: systemClock, onError }),
    strictTransport: planStrictTransport(config, held),
    stats: new KeptAnswer({
      clock: systemClock,
      keptMs: statsFreshMs,
      ask: readStats ?? (() => tide.stats()),
    }),
    bodies: new Bodies(planBodies(config)),
    unreadAnswers: new UnreadAnswers(answerLimits, systemClock),
    historyReads: new Slots(historyReadsMax),
    pages: planPages(config),
    strangers: access && new Strangers(access, strangersPerTurnMax),
    clock: systemClock,
  }
}

/** With tokens to tell who asks, or said to be open, the hub lets itself be asked by any name. */
function planPages(config: HubConfig): PageRules {
  const { auth, cors, insecure } = config
  return {
    hosts: insecure || isLocked(config) ? 'any' : 'loopback',
    origins: new AllowedOrigins(cors),
    cookie: hasKeys(config) && auth.sources.includes('cookie') ? auth.cookie : undefined,
  }
}

function planBodies({ maxRequestBytes }: HubConfig): BodyLimits {
  return {
    requestBytesMax: maxRequestBytes,
    heldBytesMax: Math.max(heldBytesMax, 2 * maxRequestBytes),
  }
}

function planStrictTransport(
  { tls }: HubConfig,
  held: HeldCertificate | undefined,
): StrictTransport | undefined {
  return tls?.hsts === true && held !== undefined ? new StrictTransport(held) : undefined
}
