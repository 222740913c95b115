// Topics that are ledgers: what they hold, and which of their records may go.

import type { Topic } from '@tidemark/log'
import { ledgerLookMs, ledgerPrefix, readLedgerEnd } from '@tidemark/log/driver'
import { sweepRecordsMax, sweepTopicsMax } from '../limits.ts'
import { decodeTopicStats } from '../tables/log-state.ts'
import type { TopicStats } from '../tables/log-state.ts'
import { decodeEnd } from '../tables/record-codec.ts'
import { asBuffer, indexKey, readSequence, sequenceKey, textKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'

/** `/` and the character after it, so that the range holds all names below the prefix. */
const ledgerRange = { start: textKey(ledgerPrefix), end: textKey(`${ledgerPrefix.slice(0, -1)}0`) }

/** The ledgers as they are stored; 16 at most. */
export function listLedgers({ topics }: Tables): readonly TopicStats[] {
  return [...topics.getRange(ledgerRange)].map(({ key, value }) =>
    decodeTopicStats(asBuffer(key).toString() as Topic, value),
  )
}

/** Where a lap over the entries of all ledgers stands. */
interface Lap {
  /** Of the entry looked at last. */
  readonly topicId: number
  readonly after: number
  /** When the first of the entries looked at ends. */
  readonly nextEnd: number
  readonly newest: number
}

export interface Ended {
  readonly sequences: readonly number[]
  /** There may be more. */
  readonly isCutOff: boolean
  /** Undefined at the end of a lap. */
  readonly lap: Lap | undefined
  /** When nothing is known to end before. */
  readonly nextEnd: number
  /** The newest sequence of all ledgers when the lap began. */
  readonly newest: number
}

/**
 * Finds entries that have ended by a lap over the ledgers in bounded stretches. A lap comes once a
 * minute, and only if an entry is known to end, or one has been written since. At rest a look costs
 * nothing. One look in a minute costs as many reads as there are ledgers.
 */
export class EndedEntries {
  #lap: Lap | undefined
  #nextLookAt = 0
  #nextEnd = 0
  /** As {@link Ended.newest}, of the last lap. */
  #newest = -1

  get nothing(): Ended {
    const [lap, nextEnd, newest] = [this.#lap, this.#nextEnd, this.#newest]
    return { sequences: [], isCutOff: false, lap, nextEnd, newest }
  }

  /** To be called within one snapshot. */
  find(tables: Tables, now: number, isAsked: boolean): Ended {
    const restMs = this.#nextLookAt - now
    // A longer rest is that of a clock which has been set back.
    const rests = restMs > 0 && restMs <= ledgerLookMs && !isAsked
    if (this.#lap === undefined) {
      if (rests) return this.nothing
      this.#nextLookAt = now + ledgerLookMs
    }
    const ledgers = listLedgers(tables)
    const newest = ledgers.reduce((most, ledger) => Math.max(most, ledger.newest), 0)
    if (this.#lap === undefined && newest === this.#newest && now < this.#nextEnd)
      return this.nothing
    const begun = this.#lap ?? { topicId: -1, after: 0, nextEnd: Infinity, newest }
    return walk({ tables, now, ids: ledgers.map(({ id }) => id).sort((a, b) => a - b) }, begun)
  }

  /** To be called when what was found has been removed. */
  moveOn({ lap, nextEnd, newest }: Ended): void {
    this.#newest = newest
    this.#lap = lap
    this.#nextEnd = nextEnd
  }
}

interface Walk {
  readonly tables: Tables
  readonly now: number
  readonly ids: readonly number[]
}

/** Ids rise with the time at which ledgers were made, so that a new one comes at the end of a lap. */
function walk({ tables, now, ids }: Walk, begun: Lap): Ended {
  const sequences: number[] = []
  const { newest } = begun
  let { nextEnd } = begun
  let looked = 0
  for (const id of ids) {
    if (id < begun.topicId) continue
    const after = id === begun.topicId ? begun.after : 0
    const range = { start: indexKey(id, after + 1), end: indexKey(id + 1, 0) }
    for (const key of tables.index.getKeys({ ...range, limit: sweepTopicsMax + 1 })) {
      const sequence = readSequence(key)
      if (looked === sweepTopicsMax || sequences.length === sweepRecordsMax) {
        const lap = { topicId: id, after: sequence - 1, nextEnd, newest }
        return { sequences, isCutOff: true, lap, nextEnd: 0, newest }
      }
      looked += 1
      const record = tables.records.getBinary(sequenceKey(sequence))
      const end = record === undefined ? Infinity : readLedgerEnd(decodeEnd(record))
      if (end <= now) sequences.push(sequence)
      else nextEnd = Math.min(nextEnd, end)
    }
  }
  return { sequences, isCutOff: false, lap: undefined, nextEnd, newest }
}
