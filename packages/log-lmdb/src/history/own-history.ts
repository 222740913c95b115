// Checks whether the data file still holds the history that was opened. Somebody may have copied
// another log, or an older state, over it. A process that took this one for dead may have begun an
// epoch of its own.

import { LogError } from '@tidemark/log'
import { identityKey, readIdentity } from './identity.ts'
import type { Identity } from './identity.ts'
import type { NewestState } from '../lmdb-files/newest-state.ts'
import type { Table } from '../tables/schema.ts'
import type { StoredLog } from '../lmdb-files/stored-log.ts'

export interface OwnHistoryOptions {
  readonly meta: Table
  readonly newest: NewestState
  readonly directory: string
  /** The identity when this process entered the directory. */
  readonly identity: Identity
  /** Reads the newest state of the data without LMDB; undefined when it cannot be read. */
  readonly readStored: () => Pick<StoredLog, 'identity'> | undefined
  /** Called once, with the reason why nothing is stored or read any more. */
  readonly onLost: (loss: Loss) => void
}

/** Why the history is not ours any more. */
export interface Loss {
  readonly code: 'LOG_DIRECTORY_LOST' | 'LOG_SUPERSEDED'
  readonly text: string
}

/** The history of an open log. */
export class OwnHistory {
  readonly #options: OwnHistoryOptions
  /**
   * The identity as it was last found to be ours. Comparing it takes ~1 µs, in every write
   * transaction.
   */
  #bytes: Buffer | undefined
  #loss: Loss | undefined

  constructor(options: OwnHistoryOptions) {
    this.#options = options
  }

  /**
   * Call it within a snapshot or a transaction, after a check of the state that it continues; see
   * `NewestState.isOlder`. A lost history stays lost, because LMDB still has parts of the old file
   * in memory.
   * @throws LogError `LOG_DIRECTORY_LOST`, `LOG_SUPERSEDED`
   */
  require(): void {
    this.check()
    const { fault } = this
    if (fault !== undefined) throw fault
  }

  /** Whether the history is lost, for whatever reason. */
  get isLost(): boolean {
    return this.#loss !== undefined
  }

  /** Why it is lost. */
  get fault(): LogError | undefined {
    return this.#loss && new LogError(this.#loss.code, this.#loss.text)
  }

  /**
   * Checks the history and reports a loss. Like {@link require}, call it within a snapshot or a
   * transaction.
   */
  check(): void {
    if (this.#loss !== undefined) return
    this.#loss = this.#findLoss()
    if (this.#loss !== undefined) this.#options.onLost(this.#loss)
  }

  #findLoss(): Loss | undefined {
    const { meta, directory, newest, readStored } = this.#options
    const path = JSON.stringify(directory)
    if (newest.isOlder) {
      // LMDB's map of a file that is being overwritten may have no page there.
      const stored = readStored()
      return stored === undefined || this.#findOwner(stored.identity) !== 'other'
        ? describeLost(`an older copy was put over the log in ${path}`)
        : describeLost(`another log was copied over the one in ${path}`)
    }
    const bytes = meta.getBinary(identityKey)
    if (bytes !== undefined && this.#bytes?.equals(bytes) === true) return undefined
    if (this.#findOwner(this.#readFound()) === 'ours') {
      this.#bytes = bytes
      return undefined
    }
    // An `open` of another process may have set LMDB back to a state before this one entered; see
    // `newest-state.ts`.
    const owner = this.#findOwner(readStored()?.identity)
    if (owner === 'ours') return undefined
    return owner === 'superseded'
      ? describeSuperseded(path)
      : describeLost(`another log was copied over the one in ${path}`)
  }

  #findOwner(found: Identity | undefined): 'ours' | 'superseded' | 'other' {
    const { identity } = this.#options
    if (found === undefined) return 'other'
    const own = identity.lineage.epochs
    const epochs = found.lineage.epochs
    if (epochs.at(-1) === own.at(-1)) return 'ours'
    // An epoch that wrote nothing leaves no trace, so ours may be missing among them.
    const isOfOne = own.some((epoch) => epochs.includes(epoch))
    return isOfOne && found.openings > identity.openings ? 'superseded' : 'other'
  }

  /**
   * An identity that cannot be read is not ours: it is damaged, of another program or of a newer
   * version.
   */
  #readFound(): Identity | undefined {
    const { meta, directory } = this.#options
    try {
      return readIdentity(meta, directory)
    } catch {
      // The bytes have been read before, so only parsing can fail.
      return undefined
    }
  }
}

function describeLost(what: string): Loss {
  return {
    code: 'LOG_DIRECTORY_LOST',
    text: `Nothing is stored or read: ${what} while it was open. Stop every process that holds the directory, then start again.`,
  }
}

function describeSuperseded(path: string): Loss {
  return {
    code: 'LOG_SUPERSEDED',
    text: `Nothing is stored or read: another process has opened the log in ${path} as if nobody held it, and writes it from now on. Let processes that share a log see each other's process ids, then start this one again.`,
  }
}
