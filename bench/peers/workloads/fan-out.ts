// 20 publishes a second to 2,000 sessions: what one delivery costs while nothing can be batched.

import { planOneAudience } from '../one-audience.ts'
import type { PeerServer } from '../server.ts'
import {
  cpuPerDelivery,
  duplicatedOf,
  generatorCoresOf,
  measureLoad,
  missingOf,
} from '../workload.ts'
import type { Contender, Workload } from '../workload.ts'

const eventsPerSecond = 20
const sessions = 2_000

export const fanOut: Workload = {
  name: 'fan-out',
  title: '20 publishes per second to 2,000 sessions',
  text: 'Events of 128 bytes, too far from each other to be sent together. CPU time of the server per delivery.',
  figures: [
    { key: 'cpu', title: 'CPU µs per delivery', digits: 2 },
    { key: 'user', title: 'of it user', digits: 2 },
    { key: 'system', title: 'system', digits: 2 },
    { key: 'p50', title: 'p50 ms', digits: 1 },
    { key: 'p99', title: 'p99 ms', digits: 1 },
    { key: 'missing', title: 'missing', digits: 0 },
    { key: 'duplicated', title: 'twice', digits: 0 },
    { key: 'generator', title: 'cores of the generator', digits: 2 },
    { key: 'others', title: 'cores of others', digits: 1 },
  ],
  contenders: (peers) => peers.map(contend),
  goals: [
    { figure: 'cpu', of: 'hub', against: 'nchan', atMost: 0.85 },
    { figure: 'cpu', of: 'hub', against: 'plain', atMost: 0.6 },
    { figure: 'cpu', of: 'hub', against: 'better-sse', atMost: 0.6 },
    { figure: 'cpu', of: 'hub', against: 'mercure', atMost: 0.45 },
    { figure: 'cpu', of: 'hub', against: 'centrifuge', atMost: 0.45 },
    { figure: 'user', of: 'hub', atMost: 1.6 },
    { figure: 'missing', of: 'hub', atMost: 0 },
  ],
}

function contend(server: PeerServer): Contender {
  return {
    name: server.name,
    measure: async (settings) => {
      const outcome = await measureLoad(server.start, settings, (peer) =>
        planOneAudience(peer, {
          sessions,
          eventsPerSecond,
          warmupMs: settings.isQuick ? 1_000 : 3_000,
          windowMs: settings.seconds * 1_000,
        }),
      )
      const latency = outcome.groups[0]?.latency
      return {
        ...cpuPerDelivery(outcome),
        p50: latency?.p50 ?? Number.NaN,
        p99: latency?.p99 ?? Number.NaN,
        missing: missingOf(outcome),
        duplicated: duplicatedOf(outcome),
        generator: generatorCoresOf(outcome),
        others: outcome.othersCores,
      }
    },
  }
}
