// Dates events anew that a clock which was ahead has dated in the future.

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
  /** What is in the future by this clock gets its present time. Default: the machine's. */
  readonly clock?: Clock | undefined
  /** Told after each step how many records have been dated anew so far. */
  readonly onProgress?: ((records: number) => void) | undefined
}

/** What a repair has done. */
export interface ClockRepair {
  /** Records that were dated anew; 0 when nothing was in the future. */
  readonly records: number
  /** Idempotency keys that were dated anew. */
  readonly idempotencyKeys: number
  /** The time of the newest record before. Milliseconds since 1970. */
  readonly newestBefore: number
  /** And after. */
  readonly newestAfter: number
}

/**
 * Gives every record that is dated in the future the present time, so that events expire by age and `since` counts again. Times
 * still never go back from one record to the next; sequences, and with them all cursors, stay as they are. The log may be in use
 * meanwhile. The machine's clock must be right: what it calls the future is dated anew, and the true times are gone.
 *
 * @throws LogError `OPTION_INVALID`, `LOG_FORMAT_FOREIGN`, `LOG_FORMAT_NEWER`, `LOG_DAMAGED`, `LOG_DIRECTORY_LOST`, `LOG_NOT_WRITABLE`,
 * `LOG_UNAVAILABLE` (what was dated anew by then stays so; run it again)
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
    // Damage that gets as far as LMDB ends the process, or is written anew as if it were sound.
    await requireWhole(directory, { own: describeOwnHolder(clock, directory), isServed: false })
    const durability = await readDurability(directory, clock)
    breakSeal(directory)
    environment = openEnvironment(directory, overlapsSync(durability))
    const { root, newest } = environment
    const tables = openTables(environment)
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

/** How the log's processes write, which this one has to do as well. The first look is the one after which LMDB is as of the last flush. */
async function readDurability(directory: string, clock: Clock): Promise<Durability> {
  const environment = openEnvironment(directory, undefined)
  const { root, newest } = environment
  try {
    const meta = transactNewest(environment, () => nameTable(root, 'meta'))
    refuseOtherLock(meta, directory, { ...describeOwnProcess(clock), ...findPlaces(directory) })
    // Of a version before, there is one that names no epochs of this one.
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

/** A walk over entries by sequence, whose times rise. */
interface Walk {
  readonly table: Table
  /** Where the dated value is: in the same table, or in another one by what stands here. */
  readonly find: (key: Buffer, value: Buffer) => Dated | undefined
  /** Where in that value its time is, in bytes. */
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
    // The byte before the record says why it leaves.
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
   * The oldest first, so that times rise however far it comes. The log's own time follows in the transaction that finds no more,
   * because until then appends go on from it.
   */
  #stepRecords(walk: Walk): boolean {
    if (!this.#step(walk)) return false
    const state = readState(this.#tables)
    writeState(this.#tables, { ...state, headTime: Math.min(state.headTime, this.#now) })
    return true
  }

  /** Returns whether there is nothing left. */
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
      // Its checksum, which values of format 1 do not have, is over the time as well. `leaving` has a byte before the record.
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
