// Whether the names of webhooks' URLs lead to this machine, when a hub starts. Each attempt looks again.

import type { Clock } from '@tidemark/log'
import type { HubConfig } from '../config/hub-config.ts'
import { HubError } from '../errors.ts'
import { startLookupMs } from './limits.ts'
import { AddressRefused, literalAddress, lookupPublic } from './receiver-address.ts'
import { waitAtMost } from './wait-at-most.ts'

/** A name that cannot be resolved now is told to the operator, and looked up at each attempt. */
export async function checkReceivers(
  { webhooks }: HubConfig,
  { clock, say }: { readonly clock: Clock; readonly say: (text: string) => void },
): Promise<void> {
  const outside = webhooks.filter(({ allowPrivate = false }) => !allowPrivate)
  await Promise.all(
    outside.map(async ({ id, url }) => {
      const { hostname } = new URL(url)
      if (literalAddress(new URL(url)) !== undefined) return
      const found = lookUp(hostname)
      await waitAtMost(clock, startLookupMs, found)
      const error = await Promise.race([found, Promise.resolve(undefined)])
      if (error instanceof AddressRefused) {
        throw new HubError(
          'CONFIG_INVALID',
          `The configuration is not usable: the url of the webhook ${id} is refused, because ${error.message}`,
        )
      }
      if (error !== undefined)
        say(
          `The name of the webhook ${id} cannot be resolved now: ${error.message}. It is tried again.`,
        )
    }),
  )
}

function lookUp(hostname: string): Promise<Error | undefined> {
  return new Promise((resolve) =>
    lookupPublic(hostname, { all: true }, (error) => resolve(error ?? undefined)),
  )
}
