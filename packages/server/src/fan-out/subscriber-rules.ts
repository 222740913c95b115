// Rules for how many sessions may follow a topic by its name, on all nodes together.

import type { Topic } from '@tidemark/log'
import { TopicRules } from '@tidemark/log/rules'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { rememberedTopicsMax, subscribersRange } from '../limits.ts'
import { readMembers } from '../read-members.ts'
import { checkRuleList } from '../rules/check-rule-list.ts'
import type { RuleKind } from '../rules/rule-kind.ts'

/** A rule for topics. */
export interface SubscriberRule {
  /** A topic, or a pattern such as `rooms/*`. */
  readonly pattern: string
  /** Sessions of all nodes together that may follow such a topic by its name, 1 to 10,000,000. */
  readonly max: number
}

/** The rules of a node. The first that matches a topic decides; without one there is no bound. */
export class SubscriberRules {
  #onReplaced: () => void = () => undefined
  readonly #found = new TopicRules<number>({ rules: [], fallback: Infinity }, rememberedTopicsMax)

  /** From here on these rules hold, checked by {@link subscriberKind}. Sessions that are there stay. */
  replace(list: readonly SubscriberRule[]): void {
    const rules = list.map(({ pattern, max }) => ({ pattern, value: max }))
    this.#found.replace({ rules, fallback: Infinity })
    this.#onReplaced()
  }

  /** Told after each change. */
  set onReplaced(listener: () => void) {
    this.#onReplaced = listener
  }

  isBounded(topic: Topic): boolean {
    return this.maxOf(topic) !== Infinity
  }

  maxOf(topic: Topic): number {
    return this.#found.find(topic)
  }

  /** Whether there is no bound, so that nothing needs to be counted. */
  get isEmpty(): boolean {
    return this.#found.isEmpty
  }

  /**
   * Refuses one more session for a topic that has as many as it may.
   * @throws ServerError `TOPIC_FULL`
   */
  requireRoom(topic: Topic, count: number): void {
    const max = this.maxOf(topic)
    if (count < max) return
    throw new ServerError(
      'TOPIC_FULL',
      `The topic ${quoteValue(topic)} has ${count} streams, and its rule allows ${max}. Try again later.`,
    )
  }
}

/** Their place in the ledger of rules. */
export const subscriberKind: RuleKind<SubscriberRule> = {
  name: 'subscribers',
  check: (given) =>
    checkRuleList(given, 'subscribers', (rule) => {
      const what = { code: 'OPTION_INVALID', what: 'A rule of subscribers' } as const
      const { pattern = '', max } = readMembers(rule, ['pattern', 'max'], what)
      const { from, to } = subscribersRange
      if (max !== undefined && Number.isSafeInteger(max) && max >= from && max <= to)
        return { pattern, max }
      throw new ServerError(
        'OPTION_INVALID',
        `max of a rule of subscribers is a whole number from ${from} to ${to}; got ${quoteValue(max)}.`,
      )
    }),
}
