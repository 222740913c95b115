// The work that most measurements vary: one topic of 128-byte events, and all sessions in its feed.

import type { LoadPlan } from './load-plan.ts'
import { textPayload } from './payload.ts'
import type { RunningPeer } from './server.ts'

/** What varies. */
export interface OneFeed extends Pick<LoadPlan, 'warmupMs' | 'windowMs' | 'drainMs'> {
  readonly sessions: number
  readonly eventsPerSecond: number
  /** Keep-alive connections that publish. Default 1, which keeps events in order. */
  readonly publishers?: number
}

const topic = 'bench/1'

/** The plan for a server that runs. */
export function planOneFeed(peer: RunningPeer, feed: OneFeed): Omit<LoadPlan, 'peer'> {
  const { sessions, eventsPerSecond, publishers: connections = 1, ...phases } = feed
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
