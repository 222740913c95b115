// A request that is asked about again while its stream is open.

import type { RequestFacts } from '../request/authorize.ts'

export interface Recheck {
  readonly request: RequestFacts
  /** How long after the last answer, in milliseconds. */
  readonly afterMs: number
}
