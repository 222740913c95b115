// Which records are too old. Times rise with sequences, so the records of one age limit expire in log order.

import type { RuleBook } from '@tidemark/log/driver'
import { sweepLooksMax, sweepRecordsMax } from '../limits.ts'
import { decodeHead, decodeTopic } from '../tables/record-codec.ts'
import { asBuffer, readSequence, sequenceKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'

/** Every record up to a sequence has been looked at for one age limit. */
interface Front {
  readonly maxAgeMs: number
  readonly after: number
}

export interface Expired {
  readonly sequences: readonly number[]
  /** Where the next look begins once the sequences are removed. */
  readonly fronts: readonly Front[]
  /** There may be more. */
  readonly isCutOff: boolean
}

/**
 * Keeps a place in the log per age limit, and passes each record once for each. When nothing is
 * due, a look costs one read per limit. That holds however many topics there are, and whatever
 * longer-lived records lie at the front.
 */
export class Expiry {
  #rules: RuleBook | undefined
  #fronts: readonly Front[] = []

  /** From here on these rules hold, and every record is looked at anew. */
  follow(rules: RuleBook): void {
    this.#rules = rules
    const ages = new Set(rules.rules.map(({ maxAgeMs }) => maxAgeMs))
    ages.delete(Infinity)
    this.#fronts = [...ages].map((maxAgeMs) => ({ maxAgeMs, after: 0 }))
  }

  /** The result of a look that is not taken. */
  get nothing(): Expired {
    return { sequences: [], fronts: this.#fronts, isCutOff: false }
  }

  /** To be called within one snapshot. */
  find(tables: Tables, now: number): Expired {
    const sequences: number[] = []
    let looksLeft = sweepLooksMax
    const fronts = this.#fronts.map((front) => {
      let { after } = front
      const range = { start: sequenceKey(after + 1), limit: looksLeft }
      for (const { key, value } of looksLeft > 0 ? tables.records.getRange(range) : []) {
        const record = asBuffer(value)
        if (now - decodeHead(record).time <= front.maxAgeMs) break
        if (sequences.length === sweepRecordsMax) {
          looksLeft = 0
          break
        }
        looksLeft -= 1
        after = readSequence(key)
        if (this.#isOf(record, front)) sequences.push(after)
      }
      return { ...front, after }
    })
    return { sequences, fronts, isCutOff: looksLeft === 0 }
  }

  /** To be called when what was found has been removed. */
  moveOn({ fronts }: Expired): void {
    this.#fronts = fronts
  }

  #isOf(record: Buffer, { maxAgeMs }: Front): boolean {
    return this.#rules?.ruleFor(decodeTopic(record)).maxAgeMs === maxAgeMs
  }
}
