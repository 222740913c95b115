// What one open log is made of, for all that write to it.

import type { Clock } from '@tidemark/log'
import type { Lineage } from '@tidemark/log/driver'
import type { AgeHold } from './age-hold.ts'
import type { CurrentRules } from './current-rules.ts'
import type { HeldFiles } from './held-files.ts'
import type { OwnHistory } from './own-history.ts'
import type { Tables } from './schema.ts'
import type { Writer } from './writer.ts'

export interface LogContext {
  readonly tables: Tables
  readonly held: HeldFiles
  readonly history: OwnHistory
  readonly writer: Writer
  readonly lineage: Lineage
  readonly clock: Clock
  /** Whether what is too old by this clock may go. */
  readonly hold: AgeHold
  readonly rules: CurrentRules
}
