// Two workers beside one, on more work than one core does.

import { documentPayload } from '../payload.ts'
import { startHub } from '../servers/hub.ts'
import { getRequest } from '../servers/requests.ts'
import { coresOf, generatorCoresOf, measureLoad } from '../workload.ts'
import type { Contender, Workload } from '../workload.ts'

const sessions = 200
/** More than two workers can do. */
const eventsPerSecond = 200
const publishers = 4
const kilobytes = 8
const documents = 60

export const workers: Workload = {
  name: 'workers',
  title: 'Our hub: two workers',
  text: `${sessions} sessions that accept gzip follow a topic of their own and a shared one. Documents of ${kilobytes} KB are published to the shared one, faster than two workers can send them. They are compressed for each audience, which here is for each session. That is work for the hub's cores, and little for the load generator, which runs on the same two. A single worker uses more than one core already, for V8's own threads. *Projected* is what the workers would send with cores enough: the megabytes per CPU second times the number of workers.`,
  figures: [
    { key: 'bytes', title: 'compressed MB/s', digits: 2 },
    { key: 'cores', title: 'cores', digits: 2 },
    { key: 'perCpuSecond', title: 'MB per CPU second', digits: 2 },
    { key: 'projected', title: 'projected MB/s', digits: 2 },
    { key: 'generator', title: 'cores of the generator', digits: 2 },
    { key: 'others', title: 'cores of others', digits: 1 },
    { key: 'gzip', title: 'compressed sessions', digits: 0 },
  ],
  contenders: () => [contend(2), contend(1)],
  goals: [
    { figure: 'bytes', of: 'workers: 2', against: 'workers: 1', atLeast: 1.7 },
    { figure: 'projected', of: 'workers: 2', against: 'workers: 1', atLeast: 1.7 },
    { figure: 'gzip', of: 'workers: 2', atLeast: sessions },
  ],
}

function contend(count: number): Contender {
  const flags = [`--workers=${count}`]
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
              isChecked: false,
              requests: Array.from({ length: sessions }, (_, i) =>
                getRequest(`/events?topic=bench/shared&topic=bench/${i}`, {
                  'Accept-Encoding': 'gzip',
                }),
              ),
            },
          ],
          publishing: {
            requests: Array.from({ length: documents }, (_, i) =>
              peer.publishRequest('bench/shared', documentPayload(i, kilobytes)),
            ),
            eventsPerSecond,
            connections: publishers,
          },
          warmupMs: 3_000,
          windowMs: settings.seconds * 1_000,
          drainMs: 15_000,
        }),
      )
      const [group] = outcome.groups
      const bytes = (group?.bytes ?? 0) / 1_000 / outcome.windowMs
      return {
        bytes,
        cores: coresOf(outcome),
        perCpuSecond: bytes / coresOf(outcome),
        projected: (bytes / coresOf(outcome)) * count,
        generator: generatorCoresOf(outcome),
        others: outcome.othersCores,
        gzip: group?.gzip ?? 0,
      }
    },
  }
}
