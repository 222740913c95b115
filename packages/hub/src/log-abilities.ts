// Abilities that only some logs have: small interfaces, each of which a driver has as a whole or not at all.

import type { SeenCommit } from '@tidemark/log-lmdb'

/** Finds out by itself that it can store nothing any more. */
interface LogFaults {
  /** Why, as the error that publishing fails with; undefined while all is well. */
  readonly fault: Error | undefined
}

/** Notices what an operator should know although the log works. */
interface LogWarnings {
  /** One line each, at this moment. */
  readonly warnings: readonly string[]
}

/** Counts what it stores, and notices that storing hangs. */
interface LogCommits {
  /** How often this process has stored events. */
  readonly commits: number
  /** Storage has stopped to take events; what waits is refused until it takes some again. */
  readonly isStuck: boolean
}

/**
 * Keeps its events in files that other processes of the hub open too, and can tell them which and how
 * new.
 */
interface LogFiles {
  /** Names the files it has open. */
  readonly place: string
  /** The newest commit that is known, by whatever process. */
  readonly seen: SeenCommit
}

/** The abilities of one log. */
export interface LogAbilities {
  readonly faults?: LogFaults
  readonly warnings?: LogWarnings
  readonly commits?: LogCommits
  readonly files?: LogFiles
}
