// Rules for how many events a topic may get per second.

import type { Topic } from '@tidemark/log'
import { TopicRules } from '@tidemark/log/rules'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { rateBurstRange, ratePerSecondRange, rememberedTopicsMax } from '../limits.ts'
import type { Range } from '../limits.ts'
import { readMembers } from '../read-members.ts'
import { checkRuleList } from '../rules/check-rule-list.ts'
import type { RuleKind } from '../rules/rule-kind.ts'

/** A rule for topics. */
export interface RateRule {
  /** A topic, or a pattern such as `chat/*`. */
  readonly pattern: string
  /** Events that such a topic may get per second, 0.01 to 1,000,000. Of all publishers and nodes together. */
  readonly perSecond: number
  /** Events that it may get at once after a pause, 1 to 1,000,000. Default: those of a second, at least 1. */
  readonly burst?: number | undefined
}

/** The events that a topic may get. */
export interface TopicRate {
  readonly perSecond: number
  readonly burst: number
}

const free: TopicRate = { perSecond: Infinity, burst: Infinity }

/** The rules of a node. The first that matches a topic decides; without one there is no bound. */
export class RateRules {
  readonly #found = new TopicRules<TopicRate>({ rules: [], fallback: free }, rememberedTopicsMax)

  /** Whether there is no bound, so that nothing needs to be counted. */
  get isEmpty(): boolean {
    return this.#found.isEmpty
  }

  /** Undefined: it may get all. */
  find(topic: Topic): TopicRate | undefined {
    const rate = this.#found.find(topic)
    return rate === free ? undefined : rate
  }

  /** From here on these rules hold, checked by {@link rateKind}. */
  replace(list: readonly RateRule[]): void {
    const rules = list.map(({ pattern, perSecond, burst = burstOf(perSecond) }) => ({
      pattern,
      value: { perSecond, burst },
    }))
    this.#found.replace({ rules, fallback: free })
  }
}

/** Their place in the ledger of rules. */
export const rateKind: RuleKind<RateRule> = {
  name: 'rate',
  check: (given) =>
    checkRuleList(given, 'rate', (rule) => {
      const what = { code: 'OPTION_INVALID', what: 'A rule of rate' } as const
      const names = ['pattern', 'perSecond', 'burst'] as const
      const { pattern = '', perSecond, burst } = readMembers(rule, names, what)
      if (!isWithin(perSecond, ratePerSecondRange))
        throw outOfRange('perSecond', ratePerSecondRange, perSecond)
      if (burst === undefined) return { pattern, perSecond }
      if (Number.isSafeInteger(burst) && isWithin(burst, rateBurstRange))
        return { pattern, perSecond, burst }
      throw outOfRange('burst', rateBurstRange, burst)
    }),
}

function burstOf(perSecond: number): number {
  return Math.max(1, Math.floor(perSecond))
}

function isWithin(value: number | undefined, { from, to }: Range): value is number {
  return typeof value === 'number' && value >= from && value <= to
}

function outOfRange(name: string, { from, to }: Range, value: unknown): ServerError {
  const kind = name === 'burst' ? 'whole number' : 'number'
  return new ServerError(
    'OPTION_INVALID',
    `${name} of a rule of rate is a ${kind} from ${from} to ${to}; got ${quoteValue(value)}.`,
  )
}
