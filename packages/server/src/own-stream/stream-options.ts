// How a stream with the application's own events is made: every option, its default and its range.

import { systemClock } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { ServerError } from '../errors.ts'
import * as limits from '../limits.ts'
import { quoteValue } from '@tidemark/wire/values'
import { hasMethods } from '@tidemark/log/values'
import { readRange } from '../read-range.ts'

/** How a stream is made. */
export interface StreamOptions {
  /**
   * Milliseconds of silence after which a comment is sent, so that nothing on the way takes the stream for
   * dead. 1 to 86,400,000. Default 15,000.
   */
  readonly heartbeatMs?: number | undefined
  /**
   * How long a client may take nothing before its stream is cut, in milliseconds, 100 to 86,400,000. Default
   * 300,000.
   */
  readonly stalledAfterMs?: number | undefined
  /** Default: the machine's. */
  readonly clock?: Clock | undefined
}

/** The options of every `openStream`. */
export const streamOptionNames = ['heartbeatMs', 'stalledAfterMs', 'clock'] as const

/** Options with every default filled in. */
export interface StreamSettings {
  readonly heartbeatMs: number
  readonly stalledAfterMs: number
  readonly clock: Clock
}

/** @throws ServerError `OPTION_INVALID` */
export function readStreamOptions(options: StreamOptions): StreamSettings {
  const { clock = systemClock } = options
  if (!hasMethods(clock, ['now', 'elapsed', 'after'])) {
    throw new ServerError(
      'OPTION_INVALID',
      `clock must have the functions now, elapsed and after; got ${quoteValue(clock)}.`,
    )
  }
  return {
    heartbeatMs: readRange(
      { heartbeatMs: options.heartbeatMs ?? limits.heartbeatMs },
      limits.heartbeatRangeMs,
    ),
    stalledAfterMs: readRange(
      { stalledAfterMs: options.stalledAfterMs ?? limits.stalledAfterMs },
      limits.stalledAfterRangeMs,
    ),
    clock,
  }
}
