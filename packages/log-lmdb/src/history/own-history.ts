// Whether the data file still holds the history that was opened: somebody may copy another one over it, or an older state of it, and
// a process that took this one for dead may have begun an epoch of its own.

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
  /** As it was when this process entered the directory. */
  readonly identity: Identity
  /** What the newest state of the data says, read without LMDB; undefined when it cannot be read. */
  readonly readStored: () => Pick<StoredLog, 'identity'> | undefined
  /** Told, once, why nothing is stored or read any more, and which code that has. */
  readonly onLost: (loss: Loss) => void
}

/** Why a history is not ours any more. */
export interface Loss {
  readonly code: 'LOG_DIRECTORY_LOST' | 'LOG_SUPERSEDED'
  readonly text: string
}

/** The history of an open log. */
export class OwnHistory {
  readonly #options: OwnHistoryOptions
  /** The identity as it was last found to be ours: ~1 µs to compare, in every write transaction. */
  #bytes: Buffer | undefined
  #loss: Loss | undefined

  constructor(options: OwnHistoryOptions) {
    this.#options = options
  }

  /**
   * To be called within a snapshot or a transaction, when the state it goes on from has been looked at; see `NewestState.isOlder`.
   * What was lost once stays lost: LMDB has parts of the old file in mind.
   * @throws LogError `LOG_DIRECTORY_LOST`, `LOG_SUPERSEDED`
   */
  require(): void {
    this.check()
    const { fault } = this
    if (fault !== undefined) throw fault
  }

  /** Whether it is lost, for whichever reason. */
  get isLost(): boolean {
    return this.#loss !== undefined
  }

  /** Why it is lost. */
  get fault(): LogError | undefined {
    return this.#loss && new LogError(this.#loss.code, this.#loss.text)
  }

  /** Finds out, and tells of it. As {@link require}, within a snapshot or a transaction. */
  check(): void {
    if (this.#loss !== undefined) return
    this.#loss = this.#findLoss()
    if (this.#loss !== undefined) this.#options.onLost(this.#loss)
  }

  #findLoss(): Loss | undefined {
    const { meta, directory, newest, readStored } = this.#options
    const path = JSON.stringify(directory)
    if (newest.isOlder) {
      // LMDB's map of a file that is being copied over may have no page there.
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
    // An `open` of another process may have set LMDB back to before this one entered; see `newest-state.ts`.
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
    // An epoch that wrote nothing leaves no trace, so ours need not be among them.
    const isOfOne = own.some((epoch) => epochs.includes(epoch))
    return isOfOne && found.openings > identity.openings ? 'superseded' : 'other'
  }

  /** What cannot be read is not ours, whether it is damaged, of another program or of a newer version. */
  #readFound(): Identity | undefined {
    const { meta, directory } = this.#options
    try {
      return readIdentity(meta, directory)
    } catch {
      // Its bytes have been read before: what fails is their meaning.
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
