// Rules for the topics of a session that cannot keep up.

import type { Topic } from '@tidemark/log'
import { TopicRules } from '@tidemark/log/rules'
import type { PatternRules } from '@tidemark/log/rules'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { rememberedTopicsMax } from '../limits.ts'
import { readMembers } from '../read-members.ts'
import { checkRuleList } from '../rules/check-rule-list.ts'
import type { RuleKind } from '../rules/rule-kind.ts'

/**
 * The treatment of a topic's events that a session is behind with, because its socket does not drain or its
 * rate is used up. `delay`: it gets all of them, later. `conflate`: the newest of each key (of the topic,
 * without keys). `drop`: none of them, which a `tidemark.gap` with the reason `rate` says. `disconnect`: it
 * is sent away, and resumes exactly.
 */
export const lagActions = ['delay', 'conflate', 'drop', 'disconnect'] as const
export type LagAction = (typeof lagActions)[number]

/** A rule for topics. */
export interface LagRule {
  /** A topic, or a pattern such as `prices/**`. */
  readonly pattern: string
  readonly whenLagging: LagAction
}

/** The rules of a node. The first that matches a topic decides; without one it is `delay`. */
export class LagRules {
  readonly #found: TopicRules<LagAction>
  #list: readonly LagRule[]
  #version = 0

  /** @throws ServerError `OPTION_INVALID` */
  constructor(given: readonly LagRule[]) {
    this.#list = lagKind.check(given)
    this.#found = new TopicRules(compile(this.#list), rememberedTopicsMax)
  }

  get list(): readonly LagRule[] {
    return this.#list
  }

  /** Whether every topic is delayed, so that nothing needs to be looked up. */
  get isEmpty(): boolean {
    return this.#found.isEmpty
  }

  /** Another number after each change, to tell whether it was these rules that something was done by. */
  get version(): number {
    return this.#version
  }

  actionFor(topic: Topic): LagAction {
    return this.#found.find(topic)
  }

  /** From here on other rules hold, checked by `lagKind`. */
  replace(list: readonly LagRule[]): void {
    this.#list = list
    this.#version += 1
    this.#found.replace(compile(list))
  }
}

/** Their place in the ledger of rules. */
export const lagKind: RuleKind<LagRule> = {
  name: 'lag',
  check: (given) => checkRuleList(given, 'lag', checkLagRule),
}

function checkLagRule(rule: LagRule): LagRule {
  const what = { code: 'OPTION_INVALID', what: 'A lag rule' } as const
  const { pattern = '', whenLagging } = readMembers(rule, ['pattern', 'whenLagging'], what)
  if (whenLagging !== undefined && lagActions.includes(whenLagging)) return { pattern, whenLagging }
  throw new ServerError(
    'OPTION_INVALID',
    `whenLagging must be ${lagActions.join(', ')}; got ${quoteValue(whenLagging)}.`,
  )
}

function compile(list: readonly LagRule[]): PatternRules<LagAction> {
  return {
    rules: list.map(({ pattern, whenLagging }) => ({ pattern, value: whenLagging })),
    fallback: 'delay',
  }
}
