// Records that changed rules have superseded: in topics that came to keep the newest record per key.

import { isLedgerTopic } from '@tidemark/log/driver'
import type { RuleBook } from '@tidemark/log/driver'
import type { Topic } from '@tidemark/log'
import { sweepRecordsMax, sweepTopicsMax } from '../limits.ts'
import { decodeTopicStats } from '../tables/log-state.ts'
import type { TopicStats } from '../tables/log-state.ts'
import { rangesOfRules } from './topics-over-bound.ts'
import { decodeKey } from '../tables/record-codec.ts'
import { asBuffer, indexKey, latestKey, readSequence, sequenceKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'
import type { TopicRange } from '../read/topic-ranges.ts'

/** The rest of a lap over the topics of a book. */
interface Lap {
  readonly ranges: readonly TopicRange[]
  /** The records of the first topic up to this sequence have been looked at. */
  readonly after: number
}

export interface Superseded {
  /** Records that are not known as the newest of their key, or are not. */
  readonly sequences: readonly number[]
  readonly lap: Lap
}

/**
 * Finds them in bounded stretches, once after each change of rules. The state says for which rules
 * that has been done. So the lap goes on after a kill, and costs nothing at other times.
 */
export class SupersededRecords {
  #lap: Lap = { ranges: [], after: 0 }

  /** A lap begins. */
  follow({ retention }: RuleBook): void {
    const keyed = retention.rules.filter(({ latestBy }) => latestBy === 'key')
    this.#lap = { ranges: rangesOfRules(keyed), after: 0 }
  }

  /** To be called within one snapshot. */
  find(tables: Tables, rules: RuleBook): Superseded {
    const [range, ...others] = this.#lap.ranges
    const sequences: number[] = []
    if (range === undefined) return { sequences, lap: this.#lap }
    let { after } = this.#lap
    let looked = 0
    for (const { key, value } of tables.topics.getRange({ ...range, limit: sweepTopicsMax + 1 })) {
      looked += 1
      // The topic at which the lap stood may be gone, and this one comes after it.
      if (range.start === undefined || !asBuffer(key).equals(range.start)) after = 0
      const name = asBuffer(key).toString() as Topic
      const isKeyed = !isLedgerTopic(name) && rules.ruleFor(name).latestBy === 'key'
      const stats = decodeTopicStats(name, value)
      const walk = isKeyed ? walkTopic(tables, stats, after) : undefined
      looked += walk?.looked ?? 0
      sequences.push(...(walk?.sequences ?? []))
      const isCutOff = walk?.next !== undefined
      if (isCutOff || looked >= sweepTopicsMax || sequences.length >= sweepRecordsMax) {
        // Behind a topic that is done comes the name with a zero behind it, before all others.
        const start = isCutOff ? Buffer.from(key) : Buffer.concat([key, Buffer.alloc(1)])
        const ranges = [{ start, end: range.end }, ...others]
        return { sequences, lap: { ranges, after: walk?.next ?? 0 } }
      }
    }
    return { sequences, lap: { ranges: others, after: 0 } }
  }

  /** To be called when what was found has been dealt with. */
  moveOn({ lap }: Superseded): void {
    this.#lap = lap
  }
}

/** The records of a topic that need a look in a transaction; `next` is where to go on if it has more. */
function walkTopic(
  { index, records, latest }: Tables,
  { id }: TopicStats,
  after: number,
): {
  readonly sequences: readonly number[]
  readonly looked: number
  readonly next: number | undefined
} {
  const sequences: number[] = []
  let looked = 0
  let last = after
  const range = { start: indexKey(id, after + 1), end: indexKey(id + 1, 0) }
  for (const place of index.getKeys({ ...range, limit: sweepTopicsMax + 1 })) {
    if (looked === sweepTopicsMax || sequences.length === sweepRecordsMax)
      return { sequences, looked, next: last }
    looked += 1
    last = readSequence(place)
    const bytes = records.getBinary(sequenceKey(last))
    const key = bytes && decodeKey(bytes)
    const newest = key === undefined ? undefined : latest.getBinary(latestKey(id, key))
    if (key !== undefined && (newest === undefined || readSequence(newest) !== last))
      sequences.push(last)
  }
  return { sequences, looked, next: undefined }
}
