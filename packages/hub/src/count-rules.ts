// The rates and numbers that a hub counts, by its settings.

import type { CountRules } from '@tidemark/access/hub'
import type { HubConfig } from './config/hub-config.ts'

/** A rate without a limit: only how far one is within it matters. */
const countedMax = Number.MAX_SAFE_INTEGER

/** The rules for the process that counts. */
export function planCounts({ limits, addresses }: HubConfig): CountRules {
  const { streamsPerAddress, slowDownAfter, streamsWindow } = limits
  const isCounted = streamsPerAddress !== undefined || slowDownAfter !== undefined
  const { publishesPerUser, publishesWindow, sessionsPerAddress } = limits
  const { banAfter, banFor } = addresses
  return {
    streams: isCounted
      ? { points: streamsPerAddress ?? countedMax, windowMs: streamsWindow }
      : undefined,
    publishes:
      publishesPerUser === undefined
        ? undefined
        : { points: publishesPerUser, windowMs: publishesWindow },
    refusals: banAfter === 'none' ? undefined : { points: banAfter, windowMs: banFor },
    sessionsPerAddress,
  }
}
