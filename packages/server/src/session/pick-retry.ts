// When a client that is sent away comes back.

import { retrySpreadMs } from '../limits.ts'
import { pickBetween } from '../random.ts'
import type { Random } from '../random.ts'
import { replacedRetryMs } from './limits.ts'

/** Milliseconds, spread so that those sent away do not return at once. */
export function pickRetryMs(random: Random, reason: string | undefined): number {
  const { from, to } = reason === 'replaced' ? replacedRetryMs : retrySpreadMs
  return pickBetween(random, from, to)
}
