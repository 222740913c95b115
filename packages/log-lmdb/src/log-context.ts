// The parts of one open log, for everything that writes to it.

import type { Clock } from '@tidemark/log'
import type { Lineage } from '@tidemark/log/driver'
import type { AgeHold } from './clocks/age-hold.ts'
import type { CurrentRules } from './retention/current-rules.ts'
import type { HeldFiles } from './history/held-files.ts'
import type { OwnHistory } from './history/own-history.ts'
import type { Tables } from './tables/schema.ts'
import type { Writer } from './append/writer.ts'

export interface LogContext {
  readonly tables: Tables
  readonly held: HeldFiles
  readonly history: OwnHistory
  readonly writer: Writer
  readonly lineage: Lineage
  readonly clock: Clock
  /** Whether records that are too old by this clock may be removed. */
  readonly hold: AgeHold
  readonly rules: CurrentRules
}
