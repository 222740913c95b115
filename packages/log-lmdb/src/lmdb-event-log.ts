// The log of a directory, as its opener sees it.

import type { EventLog, LogError, RetentionInForce } from '@tidemark/log'
import type { SeenCommit } from './history/overwritten-data.ts'

/** Counts of a log since it was opened, and its contents. */
export interface LmdbLogStats {
  /** Write transactions of this handle that stored events. */
  readonly commits: number
  /** Appends of this handle that were answered with positions. */
  readonly batches: number
  /** Events this handle stored. */
  readonly events: number
  /** Records retained, of all processes. */
  readonly records: number
  /**
   * Their weight, as `maxBytes` counts it. It includes the records of ledgers, which are beside
   * `maxBytes`.
   */
  readonly bytes: number
}

export interface LmdbEventLog extends EventLog {
  /**
   * Storage has given no write transaction for 10 s. Either another process holds the lock, or lmdb
   * has lost it. Appends are refused with `LOG_UNAVAILABLE` until the transaction comes. A process
   * that exits before that ends by SIGKILL.
   */
  readonly isStuck: boolean
  /**
   * Current warnings for an operator, one line each, such as events dated ahead of the machine's
   * clock. `onWarning` gets each warning too, when it begins.
   */
  readonly warnings: readonly string[]
  /** A name for the data file that this log has open; see `LmdbLogOptions.place`. */
  readonly place: string
  /** The newest commit that this handle knows of, by whatever process; see `LmdbLogOptions.seen`. */
  readonly seen: SeenCommit
  /**
   * Why nothing is stored any more: `LOG_DIRECTORY_LOST` or `LOG_SUPERSEDED`, with the remedy.
   * Undefined while all is well. A check once a second finds the fault, also on a log without
   * appends.
   */
  readonly fault: LogError | undefined
  /** Write transactions of this handle that stored events. */
  readonly commits: number
  /** Where that comes from; see `changeRetention` of `@tidemark/log`. */
  readonly retentionFrom: RetentionInForce['from']
  stats(): LmdbLogStats
  /**
   * Applies retention now, step by step; resolves when nothing is due. The log does the same by
   * itself once a second. After a jump of the clock the log removes nothing by age for 10 minutes,
   * and this method does.
   */
  sweep(): Promise<void>
}
