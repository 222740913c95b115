// Gives new times to events that were dated in the future.

import { LogError, systemClock } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { requireWhole } from '../lmdb-files/check-open.ts'
import { checkUpkeep, requirePath, requireTime } from '../open/check-options.ts'
import { findData } from '../upkeep/data-path.ts'
import { toDamaged, toNoLog, toUnavailable } from '../failures.ts'
import { HeldFiles, describeOwnHolder, findPlaces, refuseOtherLock } from '../history/held-files.ts'
import { isSummed, writeChecksum } from '../tables/checksum.ts'
import { describeOwnProcess } from '../open/holders.ts'
import { identityKey, readIdentity } from '../history/identity.ts'
import { repairBytesMax, repairRecordsMax } from '../limits.ts'
import { locateAge } from '../read/locate.ts'
import { readState, writeState } from '../tables/log-state.ts'
import {
  openEnvironment,
  openTables,
  overlapsSync,
  transactNewest,
} from '../open/open-environment.ts'
import type { Environment } from '../open/open-environment.ts'
import { prepareDirectory } from '../open/prepare-directory.ts'
import { nameTable, readSequence, sequenceKey } from '../tables/schema.ts'
import type { Table, Tables } from '../tables/schema.ts'
import { breakSeal } from '../lmdb-files/seal.ts'
import { readSettings } from '../open/settings.ts'
import type { Durability } from '../open/settings.ts'
import { Writer } from '../append/writer.ts'

export interface RepairClockOptions {
  /** Records in the future of this clock get its present time. Default: the machine's. */
  readonly clock?: Clock | undefined
  /** Called after each step with the number of records that have a new time so far. */
  readonly onProgress?: ((records: number) => void) | undefined
}

/** The result of a repair. */
export interface ClockRepair {
  /** Records with a new time; 0 when no record was in the future. */
  readonly records: number
  /** Idempotency keys with a new time. */
  readonly idempotencyKeys: number
  /** The time of the newest record before the repair. Milliseconds since 1970. */
  readonly newestBefore: number
  /** The time of the newest record after the repair. */
  readonly newestAfter: number
}

/**
 * Gives every record that is dated in the future the present time, so that events expire by age and
 * `since` counts again. Times still never go back from one record to the next. Sequences and
 * cursors stay as they are. The log may be in use meanwhile. The machine's clock must be right:
 * records in its future get new times, and the true times are gone.
 *
 * @throws LogError `OPTION_INVALID`, `LOG_FORMAT_FOREIGN`, `LOG_FORMAT_NEWER`, `LOG_DAMAGED`,
 *   `LOG_DIRECTORY_LOST`, `LOG_NOT_WRITABLE`. `LOG_UNAVAILABLE`: new times up to then stay, so run
 *   it again.
 * @example
 * const { records } = await repairClock('./tidemark-data')
 */
export async function repairClock(
  directory: string,
  options: RepairClockOptions = {},
): Promise<ClockRepair> {
  requirePath('directory', directory)
  checkUpkeep(options, 'repairClock', [])
  const { clock = systemClock } = options
  const now = requireTime(clock)
  const data = findData(directory)
  if (data.directory === undefined) throw toNoLog(directory, 'it is a file')
  if (data.damage !== undefined) throw toDamaged(directory, data.damage)
  const wake = prepareDirectory(directory)
  let environment: Environment | undefined
  try {
    // LMDB ends the process when it meets damage, or writes the damage anew as if it were sound.
    await requireWhole(directory, { own: describeOwnHolder(clock, directory), isServed: false })
    const durability = await readDurability(directory, clock)
    breakSeal(directory)
    environment = await openEnvironment(directory, overlapsSync(durability))
    const { root, newest } = environment
    const tables = await openTables(environment)
    const held = new HeldFiles({ directory, newest, onChange: () => undefined })
    const writer = new Writer({ tables, held, clock, onStuck: () => undefined })
    const repair = await new Repair(tables, writer, now).run(options.onProgress)
    await root.flushed
    return repair
  } catch (error) {
    throw await toUnavailable(error, `repairing the clock of ${JSON.stringify(directory)}`)
  } finally {
    wake.close()
    await environment?.root.close()
    environment?.newest.close()
  }
}

/**
 * The durability of the log's processes, which this one must use too. Opening it first makes LMDB
 * go back to the last flush if necessary.
 */
async function readDurability(directory: string, clock: Clock): Promise<Durability> {
  const environment = await openEnvironment(directory, undefined)
  const { root, newest } = environment
  try {
    const meta = await transactNewest(environment, () => nameTable(root, 'meta'))
    refuseOtherLock(meta, directory, { ...describeOwnProcess(clock), ...findPlaces(directory) })
    // A directory of an older version may have an identity without epochs of this version.
    readIdentity(meta, directory)
    if (meta.getBinary(identityKey) === undefined) {
      throw new LogError(
        'LOG_FORMAT_FOREIGN',
        `${JSON.stringify(directory)} holds no log: nothing was ever written to it. Name the data directory of a hub.`,
      )
    }
    return readSettings(meta)?.['durability'] === 'commit' ? 'commit' : 'fsync'
  } finally {
    await root.close()
    newest.close()
  }
}

/** A walk over entries by sequence. Their times rise. */
interface Walk {
  readonly table: Table
  /**
   * Finds the value that has a time: in the same table, or in another table under the key that this
   * value names.
   */
  readonly find: (key: Buffer, value: Buffer) => Dated | undefined
  /** Place of the time in that value, in bytes. */
  readonly timeAt: number
  after: number
  dated: number
}

interface Dated {
  readonly table: Table
  readonly key: Buffer
  readonly value: Buffer
}

class Repair {
  readonly #tables: Tables
  readonly #writer: Writer
  readonly #now: number

  constructor(tables: Tables, writer: Writer, now: number) {
    this.#tables = tables
    this.#writer = writer
    this.#now = now
  }

  async run(onProgress: (records: number) => void = () => undefined): Promise<ClockRepair> {
    const { records, removed, keys, keysByAge } = this.#tables
    const { headTime, after } = await this.#writer.run(() => this.#findStart())
    const newestAfter = Math.min(headTime, this.#now)
    const times = { newestBefore: headTime, newestAfter }
    if (headTime <= this.#now) return { records: 0, idempotencyKeys: 0, ...times }
    const stored = createWalk(records, 0, after)
    while (!(await this.#writer.run(() => this.#stepRecords(stored)))) onProgress(stored.dated)
    onProgress(stored.dated)
    // The byte before the record says why it was removed.
    await this.#walk(createWalk(removed, 1, 0))
    const find = (_: Buffer, key: Buffer): Dated | undefined => {
      const value = keys.getBinary(key)
      return value === undefined ? undefined : { table: keys, key, value }
    }
    const keyed = await this.#walk({ ...createWalk(keysByAge, 24, 0), find })
    return { records: stored.dated, idempotencyKeys: keyed.dated, ...times }
  }

  #findStart(): { readonly headTime: number; readonly after: number } {
    const state = readState(this.#tables)
    return { headTime: state.headTime, after: locateAge(this.#tables, state, this.#now + 1) }
  }

  async #walk(walk: Walk): Promise<Walk> {
    while (!(await this.#writer.run(() => this.#step(walk))));
    return walk
  }

  /**
   * Goes from the oldest record on, so that times rise however far it comes. Appends go on from the
   * log's own time, so that time changes in the transaction that finds no more records.
   */
  #stepRecords(walk: Walk): boolean {
    if (!this.#step(walk)) return false
    const state = readState(this.#tables)
    writeState(this.#tables, { ...state, headTime: Math.min(state.headTime, this.#now) })
    return true
  }

  /** Returns true when nothing is left. */
  #step(walk: Walk): boolean {
    const { table, find, timeAt } = walk
    const range = { start: sequenceKey(walk.after + 1), limit: repairRecordsMax }
    const found: Dated[] = []
    let looked = 0
    let bytes = 0
    for (const { key, value } of table.getRange(range)) {
      if (bytes >= repairBytesMax) break
      looked += 1
      walk.after = readSequence(key)
      const dated = find(Buffer.from(key), Buffer.from(value))
      if (dated === undefined || dated.value.readDoubleLE(timeAt) <= this.#now) continue
      bytes += dated.value.length
      found.push(dated)
    }
    for (const { table: target, key, value } of found) {
      // The checksum covers the time too; values of format 1 have none. A removed record has a byte
      // before it.
      const body = value.subarray(target === this.#tables.removed ? 1 : 0)
      const hasSum = isSummed(body)
      value.writeDoubleLE(this.#now, timeAt)
      if (hasSum) writeChecksum(body)
      void target.put(key, value)
    }
    walk.dated += found.length
    return looked < repairRecordsMax && bytes < repairBytesMax
  }
}

function createWalk(table: Table, timeAt: number, after: number): Walk {
  return { table, timeAt, after, dated: 0, find: (key, value) => ({ table, key, value }) }
}
