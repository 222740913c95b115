// The work that most measurements vary: one topic of 128-byte events, and all sessions in its audience.

import type { LoadPlan } from './load-plan.ts'
import { textPayload } from './payload.ts'
import type { RunningPeer } from './server.ts'

/** The values that vary. */
export interface OneAudience extends Pick<LoadPlan, 'warmupMs' | 'windowMs' | 'drainMs'> {
  readonly sessions: number
  readonly eventsPerSecond: number
  /** Keep-alive connections that publish. Default 1, which keeps events in order. */
  readonly publishers?: number
}

const topic = 'bench/1'

/** The plan for a server that runs. */
export function planOneAudience(peer: RunningPeer, audience: OneAudience): Omit<LoadPlan, 'peer'> {
  const { sessions, eventsPerSecond, publishers: connections = 1, ...phases } = audience
  return {
    groups: [{ name: 'all', connections: sessions, requests: [peer.subscribeRequest([topic])] }],
    publishing: {
      requests: [peer.publishRequest(topic, textPayload(128))],
      eventsPerSecond,
      connections,
    },
    ...phases,
  }
}
