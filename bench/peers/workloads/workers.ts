// Two workers beside one, on more work than one core does.

import { textPayload } from '../payload.ts'
import { startHub } from '../servers/hub.ts'
import { coresOf, generatorCoresOf, measureLoad, missingOf } from '../workload.ts'
import type { Contender, Workload } from '../workload.ts'

const topics = 60
const sessions = topics * 133
/** More than two workers can do. */
const eventsPerSecond = 3_000
/** Each waits for its answer, so at most so many events are under way: fewer than topics, so that none gather in one. */
const publishers = 16

export const workers: Workload = {
  name: 'workers',
  title: 'Our hub: two workers',
  text: `${sessions.toLocaleString('en')} sessions, 133 each of ${topics} topics that are published to in turn, as fast as ${publishers} connections get answers: more work than one core can do, and every delivery is a write of its own (\`--flush-window=0ms\`), so that falling behind saves nothing. The load generator runs on the same cores and takes its share of them; *projected* is what each worker would deliver with a core of its own, which is the deliveries per CPU second times the number of workers.`,
  figures: [
    { key: 'deliveries', title: 'deliveries/s', digits: 0 },
    { key: 'cores', title: 'cores', digits: 2 },
    { key: 'perCpuSecond', title: 'deliveries per CPU second', digits: 0 },
    { key: 'projected', title: 'projected deliveries/s', digits: 0 },
    { key: 'generator', title: 'cores of the generator', digits: 2 },
    { key: 'others', title: 'cores of others', digits: 1 },
    { key: 'p99', title: 'p99 ms', digits: 0 },
    { key: 'missing', title: 'missing', digits: 0 },
  ],
  contenders: () => [contend(2), contend(1)],
  goals: [
    { figure: 'deliveries', of: 'workers: 2', against: 'workers: 1', atLeast: 1.7 },
    { figure: 'projected', of: 'workers: 2', against: 'workers: 1', atLeast: 1.7 },
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
            {
              name: 'all',
              connections: sessions,
              isSplit: true,
              requests: Array.from({ length: topics }, (_, i) =>
                peer.subscribeRequest([`bench/${i}`]),
              ),
            },
          ],
          publishing: {
            requests: Array.from({ length: topics }, (_, i) =>
              peer.publishRequest(`bench/${i}`, textPayload(128)),
            ),
            eventsPerSecond,
            connections: publishers,
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
        projected: (deliveries / coresOf(outcome)) * count,
        generator: generatorCoresOf(outcome),
        others: outcome.othersCores,
        p99: outcome.groups[0]?.latency?.p99 ?? Number.NaN,
        missing: missingOf(outcome),
      }
    },
  }
}
