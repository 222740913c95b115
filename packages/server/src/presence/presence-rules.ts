// Rules that switch presence on: for which topics nodes know who is there.

import { LogError } from '@tidemark/log'
import type { Topic } from '@tidemark/log'
import { TopicRules, parseRulePattern } from '@tidemark/log/rules'
import type { PatternRules } from '@tidemark/log/rules'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { rememberedTopicsMax } from '../limits.ts'
import { readList, readMembers } from '../read-members.ts'
import type { RuleKind } from '../rules/rule-kind.ts'
import { presenceRulesMax } from './limits.ts'

/** A rule for topics. */
export interface PresenceRule {
  /** A topic, or a pattern such as `rooms/*`. Not of the hub's own topics, which begin with `$`. */
  readonly pattern: string
  /**
   * Whether the topic gets an event when the first session of a user comes: `tidemark.join`. Another when
   * the last has left: `tidemark.leave`. Default false.
   */
  readonly joins?: boolean | undefined
}

/** The state of a topic. `joins`: presence is known, and told in the topic. */
export type TopicPresence = 'joins' | 'off' | 'on'

/** The rules of a node. The first that matches a topic decides; without one presence is off. */
export class PresenceRules {
  readonly #found = new TopicRules(compile([]), rememberedTopicsMax)
  #list: readonly PresenceRule[] = []
  #onReplaced: () => void = () => undefined

  /** Whether presence is off for all topics. */
  get isEmpty(): boolean {
    return this.#found.isEmpty
  }

  /** Whether some topic gets events of joins and leaves. */
  get hasJoins(): boolean {
    return this.#list.some(({ joins }) => joins === true)
  }

  find(topic: Topic): TopicPresence {
    return topic.startsWith('$') ? 'off' : this.#found.find(topic)
  }

  /** From here on other rules hold, checked by `presenceKind`. */
  replace(list: readonly PresenceRule[]): void {
    this.#list = list
    this.#found.replace(compile(list))
    this.#onReplaced()
  }

  /** Told after each change. */
  set onReplaced(listener: () => void) {
    this.#onReplaced = listener
  }
}

const aRule = { code: 'OPTION_INVALID', what: 'A presence rule' } as const

function checkPresenceRules(given: readonly PresenceRule[]): readonly PresenceRule[] {
  const rules = readList(given, { code: 'OPTION_INVALID', what: 'A list of presence rules' })
  if (rules.length > presenceRulesMax) {
    throw invalid(
      `There may be ${presenceRulesMax} presence rules; got ${rules.length}. Use patterns.`,
    )
  }
  const checked = rules.map((rule) => {
    const { pattern = '', joins = false } = readMembers(rule, ['pattern', 'joins'], aRule)
    if (typeof joins !== 'boolean')
      throw invalid(`joins of a presence rule is true or false; got ${quoteValue(joins)}.`)
    return { pattern, joins }
  })
  try {
    for (const { pattern } of checked) {
      if (parseRulePattern(pattern).startsWith('$')) {
        throw invalid(
          `Presence is kept of topics that do not begin with $; got ${quoteValue(pattern)}.`,
        )
      }
    }
    return checked
  } catch (error) {
    if (error instanceof LogError) throw invalid(error.message, error)
    throw error
  }
}

/** Their place in the ledger of rules. */
export const presenceKind: RuleKind<PresenceRule> = { name: 'presence', check: checkPresenceRules }

function compile(list: readonly PresenceRule[]): PatternRules<TopicPresence> {
  return {
    rules: list.map(({ pattern, joins }) => ({ pattern, value: joins === true ? 'joins' : 'on' })),
    fallback: 'off',
  }
}

function invalid(message: string, cause?: unknown): ServerError {
  return new ServerError('OPTION_INVALID', message, { cause })
}
