// Topics that may hold more than their rule allows.

import { hasWildcard, literalPrefix, parsePattern } from '@tidemark/log'
import type { RetentionRule, Topic } from '@tidemark/log'
import type { RuleBook } from '@tidemark/log/driver'
import { controlTopic } from '@tidemark/log/values'
import { topicsOverBoundMax, sweepTopicsMax } from '../limits.ts'
import { decodeTopicStats } from '../tables/log-state.ts'
import { asBuffer } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'
import { rangesBelow } from '../read/topic-ranges.ts'
import type { TopicRange } from '../read/topic-ranges.ts'

/**
 * An append trims the topics it adds to, and names those that it had to leave. A lap over all
 * topics under a rule with bounds is needed only when rules have changed, and when the log is
 * opened. A process may have been killed before it came to the lap.
 */
export class TopicsOverBound {
  #rules: RuleBook | undefined
  #allRanges: readonly TopicRange[] = []
  readonly #names = new Set<Topic>()
  /** The rest of the lap. */
  #ranges: readonly TopicRange[] = []

  /** From here on these rules hold, and a lap begins. */
  follow(rules: RuleBook): void {
    this.#rules = rules
    const bounded = rules.retention.rules.filter(
      ({ maxEvents = Infinity, maxBytes = Infinity }) =>
        maxEvents !== Infinity || maxBytes !== Infinity,
    )
    // The rule of `$hub/control` is no rule of the configuration.
    this.#allRanges = rangesOfRules([...bounded, { pattern: controlTopic }])
    this.#ranges = this.#allRanges
  }

  /** In the order in which they came. */
  get names(): ReadonlySet<Topic> {
    return this.#names
  }

  get isLapping(): boolean {
    return this.#ranges.length > 0
  }

  add(names: readonly Topic[]): void {
    if (this.#names.size + names.length > topicsOverBoundMax) this.#ranges = this.#allRanges
    else for (const name of names) this.#names.add(name)
  }

  delete(name: Topic): void {
    this.#names.delete(name)
  }

  /** Goes on with the lap, a bounded stretch. To be called within one snapshot. */
  lap({ topics }: Tables): void {
    const [range, ...others] = this.#ranges
    if (range === undefined) return
    let looked = 0
    for (const { key, value } of topics.getRange({ ...range, limit: sweepTopicsMax + 1 })) {
      if (looked === sweepTopicsMax) {
        this.#ranges = [{ start: Buffer.from(key), end: range.end }, ...others]
        return
      }
      looked += 1
      const name = asBuffer(key).toString() as Topic
      const { count, bytes } = decodeTopicStats(name, value)
      const rule = this.#rules?.ruleFor(name)
      if (rule === undefined) return
      if (count > rule.maxEvents || bytes > rule.maxBytes) this.#names.add(name)
    }
    this.#ranges = others
  }
}

/** Where the topics that rules may match stand among all topics. */
export function rangesOfRules(rules: readonly RetentionRule[]): readonly TopicRange[] {
  return rangesBelow(rules.map((rule) => prefixOf(rule)))
}

function prefixOf({ pattern }: RetentionRule): string {
  return hasWildcard(pattern) ? literalPrefix(parsePattern(pattern)) : pattern
}
