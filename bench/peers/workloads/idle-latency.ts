// One publish a second on a server that does nothing else: how soon an event alone leaves.

import { planOneAudience } from '../one-audience.ts'
import type { PeerServer } from '../server.ts'
import { hubInMemory } from '../servers/hub.ts'
import { measureLoad, missingOf } from '../workload.ts'
import type { Contender, Workload } from '../workload.ts'

const sessions = 1_000

export const idleLatency: Workload = {
  name: 'idle-latency',
  title: 'One publish per second on an idle server with 1,000 sessions',
  text: 'From the moment the publish is sent to the first delivery of the event, over all deliveries, and to the last one. `hub` has the event on the disk before it delivers; `hub, memory` (`--data memory:`) and the others deliver from memory.',
  figures: [
    { key: 'first', title: 'first delivery p50 ms', digits: 2 },
    { key: 'firstP90', title: 'p90 ms', digits: 2 },
    { key: 'all', title: 'all deliveries p50 ms', digits: 2 },
    { key: 'last', title: 'last delivery p50 ms', digits: 2 },
    { key: 'answer', title: 'publisher answered p50 ms', digits: 2 },
    { key: 'missing', title: 'missing', digits: 0 },
    { key: 'others', title: 'cores of others', digits: 1 },
  ],
  contenders: (peers) =>
    peers.flatMap((peer) =>
      peer.name === 'hub' ? [contend(peer), contend(hubInMemory)] : [contend(peer)],
    ),
  goals: [
    { figure: 'first', of: 'hub', atMost: 1 },
    { figure: 'first', of: hubInMemory.name, atMost: 1 },
    ...['plain', 'better-sse', 'nchan', 'mercure', 'centrifuge', 'pushpin'].map((against) => ({
      figure: 'first',
      of: 'hub',
      against,
      atMost: 1,
    })),
  ],
}

function contend(server: PeerServer): Contender {
  return {
    name: server.name,
    measure: async (settings) => {
      const outcome = await measureLoad(server.start, settings, (peer) =>
        planOneAudience(peer, {
          sessions,
          eventsPerSecond: 1,
          warmupMs: settings.isQuick ? 1_500 : 3_500,
          windowMs: settings.seconds * 2_000,
        }),
      )
      return {
        first: outcome.first?.p50 ?? Number.NaN,
        firstP90: outcome.first?.p90 ?? Number.NaN,
        all: outcome.groups[0]?.latency?.p50 ?? Number.NaN,
        last: outcome.last?.p50 ?? Number.NaN,
        answer: outcome.answers?.p50 ?? Number.NaN,
        missing: missingOf(outcome),
        others: outcome.othersCores,
      }
    },
  }
}
