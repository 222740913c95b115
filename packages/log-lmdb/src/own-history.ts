// Whether the data file still holds the history that was opened: somebody may copy another one over it.

import { LogError } from '@tidemark/log'
import type { Lineage } from '@tidemark/log/driver'
import { identityKey, readIdentity } from './identity.ts'
import type { Table } from './schema.ts'

export interface OwnHistoryOptions {
  readonly meta: Table
  readonly directory: string
  readonly lineage: Lineage
  /** Told, once, that the history is lost. */
  readonly onLost: (text: string) => void
}

/** The identity of an open log. */
export class OwnHistory {
  readonly #options: OwnHistoryOptions
  /** As it was last found to be ours: ~1 µs to compare, in every write transaction. */
  #bytes: Buffer | undefined
  #isLost = false

  constructor(options: OwnHistoryOptions) {
    this.#options = options
  }

  /**
   * To be called within a snapshot or a transaction. What was lost once stays lost: LMDB has parts of the old file in mind.
   * @throws LogError `LOG_DIRECTORY_LOST`
   */
  require(): void {
    this.look()
    if (this.#isLost) throw new LogError('LOG_DIRECTORY_LOST', this.#describeLoss())
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** Finds out, and tells of it. As {@link require}, within a snapshot or a transaction. */
  look(): void {
    if (this.#isLost || this.#isOurs()) return
    this.#isLost = true
    this.#options.onLost(this.#describeLoss())
  }

  #describeLoss(): string {
    return `Nothing is stored or read: another log was copied over the one in ${JSON.stringify(this.#options.directory)} while it was open. Stop every process that holds the directory, then start again.`
  }

  #isOurs(): boolean {
    const { meta, directory, lineage } = this.#options
    const bytes = meta.getBinary(identityKey)
    if (bytes === undefined) return false
    if (this.#bytes?.equals(bytes) === true) return true
    const isOurs = readIdentity(meta, directory)?.lineage.epochs.at(-1) === lineage.epochs.at(-1)
    if (isOurs) this.#bytes = bytes
    return isOurs
  }
}
