// Work of every server before it is measured, so that none is measured while its code runs for the
// first time.

import { textPayload } from './payload.ts'
import type { LoadPlan } from './load-plan.ts'
import type { RunningPeer } from './server.ts'

const sessions = 20
const eventsPerSecond = 400
const topic = 'bench/warm-up'

/**
 * 400 publishes a second to a topic that the measured work does not use; V8 compiles what ran some
 * hundred times.
 */
export function planWarmUp(peer: RunningPeer, windowMs: number): Omit<LoadPlan, 'peer'> {
  return {
    groups: [
      { name: 'warm-up', connections: sessions, requests: [peer.subscribeRequest([topic])] },
    ],
    publishing: { requests: [peer.publishRequest(topic, textPayload(128))], eventsPerSecond },
    warmupMs: 0,
    windowMs,
  }
}
