// Keeps a write transaction from beginning at an older state than the newest one committed.
//
// LMDB reads the newest transaction's id while it opens a directory and stores it for all processes a little later,
// without the write lock (`mdb_env_open2` in mdb.c of lmdb 3.5.6: `env->me_txns->mti_txnid = meta.mm_txnid`). What
// another process commits in between is then overwritten by the next transaction. Every transaction of this room
// therefore begins by comparing its id with the meta pages, which only holders of the write lock change.

import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { LogError } from '@tidemark/log'
import { dataFile, lockFile } from './file-names.ts'
import { LockFile } from './lock-file.ts'

/** Offsets in LMDB's files, in bytes; see `MDB_meta`, behind a page header of 24, and `MDB_txbody` in mdb.c. */
const pageSizeAt = 48
const metaTxnIdAt = 152
const lockTxnIdAt = 8
const lockMagic = 0xbeefc0de

/** What LMDB has on disk of its newest transaction, and what its processes have agreed on. */
export class NewestState {
  readonly #data: number
  readonly #lock: LockFile
  readonly #pageSize: number
  readonly #isLockKnown: boolean
  readonly #word: Buffer = Buffer.alloc(8)

  /** To be made when LMDB has opened the directory, and closed after LMDB has closed it. */
  constructor(directory: string) {
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
   * Id of the transaction whose state the processes of this machine read now: as long as it is the same, nobody has
   * committed. Far cheaper than a snapshot. Undefined when the lock file is not as expected.
   */
  get visibleId(): number | undefined {
    return this.#isLockKnown ? Number(this.#read(this.#lock.file, lockTxnIdAt)) : undefined
  }

  /**
   * Whether a write transaction goes on from the newest state. If not, the mistake is mended and the transaction is
   * to be left; the next one will. To be called while it holds the write lock.
   * @throws LogError `LOG_DIRECTORY_LOST` when the data is older than the lock file says: a copy of it from before
   */
  isBaseOf(transactionId: number): boolean {
    const [first, second] = [0, this.#pageSize].map((page) =>
      this.#read(this.#data, page + metaTxnIdAt),
    ) as [bigint, bigint]
    const newest = first > second ? first : second
    if (BigInt(transactionId) === newest + 1n) return true
    this.#mend(newest)
    return false
  }

  close(): void {
    closeSync(this.#data)
    this.#lock.close()
  }

  #mend(newest: bigint): void {
    const { file } = this.#lock
    const stored = this.#read(file, lockTxnIdAt)
    if (this.#readMagic() !== lockMagic || stored > newest) {
      throw new LogError(
        'LOG_DIRECTORY_LOST',
        `Nothing is stored: the lock file names transaction ${stored} as the newest, and the data holds ${newest}, as if an older copy had been put over it. Stop every process that holds the directory, then start again.`,
      )
    }
    this.#word.writeBigUInt64LE(newest)
    writeSync(file, this.#word, 0, 8, lockTxnIdAt)
  }

  #readMagic(): number {
    return Number(this.#read(this.#lock.file, 0) & 0xffff_ffffn)
  }

  #read(file: number, at: number): bigint {
    readSync(file, this.#word, 0, 8, at)
    return this.#word.readBigUInt64LE()
  }
}
