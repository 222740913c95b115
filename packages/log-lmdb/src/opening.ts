// Whether the epoch in which this process writes is still the one of the directory.

import { LogError } from '@tidemark/log'
import type { LogState } from './log-state.ts'

/**
 * Another process took this one for dead and began an epoch of its own: in containers that do not see each other's
 * process ids, or in a directory that was put back while it was held. Two epochs must not write one stretch.
 *
 * @throws LogError `LOG_SUPERSEDED`
 */
export function requireOpening(
  own: { readonly openings: number },
  state: Pick<LogState, 'openings'>,
): void {
  if (state.openings === own.openings) return
  throw new LogError(
    'LOG_SUPERSEDED',
    `Another process has opened this log as if nobody held it; it is at opening ${state.openings}, this process at ${own.openings}. Let processes that share a log see each other's process ids, then start this one again.`,
  )
}
