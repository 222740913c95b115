// A compressed audience beside a plain one: blocks are compressed once for all sessions.

import { orderPayload } from '../payload.ts'
import { hub } from '../servers/hub.ts'
import { getRequest } from '../servers/requests.ts'
import { cpuPerDelivery, measureLoad, missingOf } from '../workload.ts'
import type { Contender, Workload } from '../workload.ts'

const topic = 'bench/1'
const sessions = 1_000
const eventsPerSecond = 50
const burst = 10

export const compression: Workload = {
  name: 'compression',
  title: 'Our hub: a compressed audience',
  text: `${eventsPerSecond} events per second of about 1 KB of JSON, ${burst} at a time, to ${sessions.toLocaleString('en')} sessions, with and without \`Accept-Encoding: gzip\`. One more session reads without compression, for the latency.`,
  figures: [
    { key: 'cpu', title: 'CPU µs per delivery', digits: 2 },
    { key: 'user', title: 'of it user', digits: 2 },
    { key: 'bytes', title: 'bytes per delivery', digits: 0 },
    { key: 'gzip', title: 'compressed sessions', digits: 0 },
    { key: 'p99', title: 'p99 ms of the plain one', digits: 1 },
    { key: 'missing', title: 'missing to it', digits: 0 },
  ],
  contenders: () => [
    contend('gzip', { 'Accept-Encoding': 'gzip' }),
    contend('plain', { 'Accept-Encoding': 'identity' }),
  ],
  goals: [
    { figure: 'cpu', of: 'gzip', against: 'plain', atMost: 1.5 },
    { figure: 'bytes', of: 'gzip', against: 'plain', atMost: 0.35 },
    { figure: 'gzip', of: 'gzip', atLeast: sessions },
  ],
}

function contend(name: string, headers: Readonly<Record<string, string>>): Contender {
  return {
    name,
    measure: async (settings) => {
      const target = `/events?topic=${topic}`
      const outcome = await measureLoad(hub.start, settings, (peer) => ({
        groups: [
          { name: 'probe', connections: 1, requests: [getRequest(target)] },
          {
            name: 'measured',
            connections: sessions,
            requests: [getRequest(target, headers)],
            isChecked: false,
          },
        ],
        publishing: {
          requests: Array.from({ length: 60 }, (_, number) =>
            peer.publishRequest(topic, orderPayload(number)),
          ),
          eventsPerSecond,
          burst,
          connections: burst,
        },
        warmupMs: 3_000,
        windowMs: settings.seconds * 1_000,
      }))
      const [probe, measured] = outcome.groups
      const deliveries = sessions * (probe?.deliveries ?? 0)
      return {
        ...cpuPerDelivery({ ...outcome, deliveries }),
        bytes: (measured?.bytes ?? 0) / deliveries,
        gzip: measured?.gzip ?? 0,
        p99: probe?.latency?.p99 ?? Number.NaN,
        missing: missingOf(outcome),
      }
    },
  }
}
