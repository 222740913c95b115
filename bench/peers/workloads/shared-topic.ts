// 10,000 sessions that each follow a topic of their own beside the one all share: no two have the same
// topics.

import { textPayload } from '../payload.ts'
import type { RunningPeer } from '../server.ts'
import { hub } from '../servers/hub.ts'
import { cpuPerDelivery, measureLoad, missingOf } from '../workload.ts'
import type { Contender, Workload } from '../workload.ts'

const shared = 'shared'
const eventsPerSecond = 5

export const sharedTopic: Workload = {
  name: 'shared-topic',
  title: 'Our hub: 10,000 sessions with a topic of their own and a shared one',
  text: `${eventsPerSecond} publishes per second of 128 bytes to the shared topic. Sessions of one topic set share an audience and its bytes; here there are as many audiences as sessions. CPU time per delivery beside that of 10,000 sessions of the shared topic alone.`,
  figures: [
    { key: 'cpu', title: 'CPU µs per delivery', digits: 2 },
    { key: 'user', title: 'of it user', digits: 2 },
    { key: 'p50', title: 'p50 ms', digits: 1 },
    { key: 'p99', title: 'p99 ms', digits: 1 },
    { key: 'missing', title: 'missing', digits: 0 },
  ],
  contenders: () => [
    contend('own topic and shared', (peer, count) =>
      Array.from({ length: count }, (_, i) => peer.subscribeRequest([`own/${i}`, shared])),
    ),
    contend('shared topic only', (peer) => [peer.subscribeRequest([shared])]),
  ],
  goals: [
    { figure: 'cpu', of: 'own topic and shared', against: 'shared topic only', atMost: 2 },
    { figure: 'missing', of: 'own topic and shared', atMost: 0 },
  ],
}

function contend(
  name: string,
  subscribe: (peer: RunningPeer, count: number) => readonly string[],
): Contender {
  return {
    name,
    measure: async (settings) => {
      const connections = settings.isQuick ? 2_000 : 10_000
      const outcome = await measureLoad(hub.start, settings, (peer) => ({
        groups: [{ name: 'all', connections, requests: subscribe(peer, connections) }],
        publishing: { requests: [peer.publishRequest(shared, textPayload(128))], eventsPerSecond },
        warmupMs: 3_000,
        windowMs: settings.seconds * 1_000,
      }))
      const latency = outcome.groups[0]?.latency
      return {
        ...cpuPerDelivery(outcome),
        p50: latency?.p50 ?? Number.NaN,
        p99: latency?.p99 ?? Number.NaN,
        missing: missingOf(outcome),
      }
    },
  }
}
