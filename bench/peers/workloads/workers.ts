// Two workers beside one, on more work than one core does.

import { textPayload } from '../payload.ts'
import { startHub } from '../servers/hub.ts'
import { coresOf, generatorCoresOf, measureLoad, missingOf } from '../workload.ts'
import type { Contender, Workload } from '../workload.ts'

const topic = 'bench/1'
const sessions = 8_000
const eventsPerSecond = 200

export const workers: Workload = {
  name: 'workers',
  title: 'Our hub: two workers',
  text: `${eventsPerSecond} publishes per second of 128 bytes to ${sessions.toLocaleString('en')} sessions, written at once (\`--flush-window 0ms\`), so that there is more to do than one core can. The load generator runs on the same cores and takes its share of them; what the workers would do with two cores of their own is their deliveries per CPU second times two.`,
  figures: [
    { key: 'deliveries', title: 'deliveries/s', digits: 0 },
    { key: 'cores', title: 'cores', digits: 2 },
    { key: 'perCpuSecond', title: 'deliveries per CPU second', digits: 0 },
    { key: 'generator', title: 'cores of the generator', digits: 2 },
    { key: 'p99', title: 'p99 ms', digits: 0 },
    { key: 'missing', title: 'missing', digits: 0 },
  ],
  contenders: () => [contend(2), contend(1)],
  goals: [
    { figure: 'deliveries', of: 'workers: 2', against: 'workers: 1', atLeast: 1.7 },
    { figure: 'missing', of: 'workers: 2', atMost: 0 },
  ],
}

function contend(count: number): Contender {
  const flags = [`--workers=${count}`, '--flush-window=0ms']
  return {
    name: `workers: ${count}`,
    measure: async (settings) => {
      const outcome = await measureLoad(
        (options) => startHub(options, flags),
        settings,
        (peer) => ({
          groups: [
            { name: 'all', connections: sessions, requests: [peer.subscribeRequest([topic])] },
          ],
          publishing: {
            requests: [peer.publishRequest(topic, textPayload(128))],
            eventsPerSecond,
            connections: 8,
          },
          warmupMs: 3_000,
          windowMs: settings.seconds * 1_000,
          drainMs: 15_000,
        }),
      )
      const deliveries = outcome.deliveries / (outcome.windowMs / 1_000)
      return {
        deliveries,
        cores: coresOf(outcome),
        perCpuSecond: deliveries / coresOf(outcome),
        generator: generatorCoresOf(outcome),
        p99: outcome.groups[0]?.latency?.p99 ?? Number.NaN,
        missing: missingOf(outcome),
      }
    },
  }
}
