// How to read a page: topic by topic, or every record of the range after the cursor.

import { mergeTopicsMax, seekCost } from '../limits.ts'

/** The facts known before reading; estimates are fine. */
interface ReadShape {
  /** Records of all topics in the asked range. */
  readonly range: number
  /** Topics of the set that have records in the range. */
  readonly topics: number
  /** Records of those topics, in the log as a whole. */
  readonly matching: number
  /** Records of all topics, in the log as a whole. */
  readonly total: number
  /** Records wanted. */
  readonly limit: number
}

/**
 * Whether scanning the range costs less than seeking in each topic and merging.
 *
 * A merge costs a seek per topic for every page. A scan costs the records it looks at until the
 * page is full: `limit ÷ (matching ÷ total)`, and never more than the range. The answer stays true
 * when more topics are found. So it may be asked for while topics are still being collected.
 */
export function isScanCheaper({ range, topics, matching, total, limit }: ReadShape): boolean {
  if (topics > mergeTopicsMax) return true
  const looked = matching === 0 ? range : Math.min(range, (limit * total) / matching)
  return topics * seekCost >= looked
}
