// Keeps a write transaction from continuing an older state than the newest committed one.
//
// LMDB reads the newest transaction's id while it opens a directory. A little later it stores the
// id for all processes, without the write lock. (`mdb_env_open2` in mdb.c of lmdb 3.5.6:
// `env->me_txns->mti_txnid = meta.mm_txnid`.) The next transaction then overwrites whatever another
// process committed in between. So every transaction of this room first compares its id with the
// meta pages, which only holders of the write lock change.
//
// The ids in the meta pages never go back. So data that is older than was seen before is a copy
// that somebody put over the file. This holds for each of the two pages by itself. A transaction
// that is committed into a copy writes the newer page, and the other page tells.

import { closeSync, openSync, readSync, realpathSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { LogError } from '@tidemark/log'
import { dataFile, lockFile } from './file-names.ts'
import { LockFile } from './lock-file.ts'

/**
 * Offsets in LMDB's files, in bytes; see `MDB_meta`, behind a page header of 24, and `MDB_txbody`
 * in mdb.c.
 */
const pageSizeAt = 48
const metaTxnIdAt = 152
const lockTxnIdAt = 8
const lockMagic = 0xbeefc0de

/** The newest transaction on the disk, and the one that LMDB's processes have agreed on. */
export class NewestState {
  /** The real path of the directory. */
  readonly directory: string
  readonly #data: number
  readonly #lock: LockFile
  readonly #pageSize: number
  readonly #isLockKnown: boolean
  readonly #word: Buffer = Buffer.alloc(8)
  /** The newest known commits, one for each meta page. */
  readonly #known: [even: bigint, odd: bigint] = [0n, 0n]
  #isOlder = false

  /** Make it when LMDB has opened the directory, and close it after LMDB has closed the directory. */
  constructor(directory: string) {
    this.directory = realpathSync(directory)
    this.#lock = LockFile.open(join(directory, lockFile))
    this.#data = openSync(join(directory, dataFile), 'r')
    this.#pageSize = Number(this.#read(this.#data, pageSizeAt) & 0xffff_ffffn)
    this.#isLockKnown = this.#readMagic() === lockMagic
  }

  get dataDescriptor(): number {
    return this.#data
  }

  get lockDescriptor(): number {
    return this.#lock.file
  }

  /**
   * Id of the transaction whose state the processes of this machine read now. While the id stays
   * the same, nobody has committed. Far cheaper than a snapshot. Undefined when the lock file is
   * not as expected.
   */
  get visibleId(): number | undefined {
    if (!this.#isLockKnown) return undefined
    const visible = Number(this.#read(this.#lock.file, lockTxnIdAt))
    this.note(visible)
    return visible
  }

  /** The newest known commit, by whatever process. */
  get highestId(): number {
    return Number(this.#highest)
  }

  /**
   * The data is older than {@link highestId}. This stays true, because LMDB has parts of the other
   * data in memory.
   */
  get isOlder(): boolean {
    return this.#isOlder
  }

  /** Notes a commit. */
  note(transactionId: number): void {
    const id = BigInt(transactionId)
    const page = transactionId % 2 === 0 ? 0 : 1
    if (id > this.#known[page]) this.#known[page] = id
  }

  /** Checks whether the data is older than it was. Two reads, ~1 µs each. */
  check(): void {
    this.#readNewest()
  }

  /**
   * Whether a write transaction continues the newest state; checks like {@link check}. If not, call
   * {@link mend} and leave the transaction: the next one will. Call it while the write lock is
   * held.
   */
  isBaseOf(transactionId: number): boolean {
    return BigInt(transactionId) === this.#readNewest() + 1n
  }

  /**
   * Makes the next transaction continue the newest state. Call it while the write lock is held.
   * @throws LogError `LOG_DIRECTORY_LOST` when the data is older than it was, or older than the
   *   lock file says
   */
  mend(): void {
    const { file } = this.#lock
    const newest = this.#readNewest()
    const stored = this.#read(file, lockTxnIdAt)
    if (this.#isOlder || this.#readMagic() !== lockMagic || stored > newest) {
      const known = stored > this.#highest ? stored : this.#highest
      throw new LogError(
        'LOG_DIRECTORY_LOST',
        `Nothing is stored: transaction ${known} is known as the newest, and the data holds ${newest}, as if an older copy had been put over it. Stop every process that holds the directory, then start again.`,
      )
    }
    this.#word.writeBigUInt64LE(newest)
    writeSync(file, this.#word, 0, 8, lockTxnIdAt)
  }

  close(): void {
    closeSync(this.#data)
    this.#lock.close()
  }

  /** Reads both meta pages. A transaction writes the page that names the older state. */
  #readNewest(): bigint {
    const first = this.#read(this.#data, metaTxnIdAt)
    const second = this.#read(this.#data, this.#pageSize + metaTxnIdAt)
    const newest = first > second ? first : second
    const [even, odd] = this.#known
    if (first < even || second < odd) this.#isOlder = true
    else [this.#known[0], this.#known[1]] = [first, second]
    return newest
  }

  get #highest(): bigint {
    const [even, odd] = this.#known
    return even > odd ? even : odd
  }

  #readMagic(): number {
    return Number(this.#read(this.#lock.file, 0) & 0xffff_ffffn)
  }

  /** 0 behind the end of a file that is being overwritten. */
  #read(file: number, at: number): bigint {
    return readSync(file, this.#word, 0, 8, at) === 8 ? this.#word.readBigUInt64LE() : 0n
  }
}
