// The limits of clients in one process of a hub, put together.

import { LocalCounts } from '@tidemark/access/hub'
import type { HubCounts } from '@tidemark/access/hub'
import type { Clock, EventLog } from '@tidemark/log'
import type { Tidemark } from '@tidemark/server'
import { systemRandom } from '@tidemark/server/hub'
import { Clients } from './clients.ts'
import type { HubConfig } from './config/hub-config.ts'
import { planCounts } from './count-rules.ts'
import { StreamLimits } from './stream-limits.ts'

export interface ClientLimitsOptions {
  readonly config: HubConfig
  readonly log: EventLog
  readonly clock: Clock
  readonly say: (text: string) => void
  readonly onError: (error: unknown) => void
  /** Those of all workers; undefined: this process is the whole hub. */
  readonly counts: HubCounts | undefined
}

/** The parts of the hub that know its clients. */
export interface ClientLimits {
  readonly counts: HubCounts
  readonly clients: Clients
  readonly streams: StreamLimits
  /** Begins, when the node is there. */
  follow(tide: Tidemark): Promise<void>
  /** Ends sessions of an address whose clients take nothing any more. */
  endStalled(address: string): void
  /** When the node has been closed, and before its log is. */
  close(): Promise<void>
}

/** Reads what the log knows of clients. */
export async function openClientLimits(options: ClientLimitsOptions): Promise<ClientLimits> {
  const { config, log, clock, say, onError } = options
  let tide: Tidemark | undefined
  const endStalled = (group: string): void => void tide?.endStalled({ group })
  const counts =
    options.counts ??
    new LocalCounts<'own'>(planCounts(config), {
      clock,
      clearDead: async (key) => {
        endStalled(key)
        // Sessions give back their places when they have closed.
        await new Promise<void>((resolve) => setImmediate(resolve))
      },
    }).of('own')
  const streams = new StreamLimits({ limits: config.limits, counts, clock, random: systemRandom })
  const clients = await Clients.open({ config, log, counts, clock, say, onError })
  return {
    counts,
    clients,
    streams,
    endStalled,
    async follow(node) {
      tide = node
      await streams.follow(node, log, onError)
    },
    async close() {
      clients.close()
      await streams.close()
    },
  }
}
