// Rules for the topics of a session that cannot keep up.

import { LogError } from '@tidemark/log'
import type { Topic } from '@tidemark/log'
import { TopicRules, parseRulePattern } from '@tidemark/log/rules'
import type { PatternRules } from '@tidemark/log/rules'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { lagRulesMax, rememberedTopicsMax } from '../limits.ts'
import { readList, readMembers } from '../read-members.ts'
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

  /** @throws ServerError `OPTION_INVALID` */
  constructor(given: readonly LagRule[]) {
    this.#list = checkLagRules(given)
    this.#found = new TopicRules(compile(this.#list), rememberedTopicsMax)
  }

  get list(): readonly LagRule[] {
    return this.#list
  }

  /** Whether every topic is delayed, so that nothing needs to be looked up. */
  get isEmpty(): boolean {
    return this.#found.isEmpty
  }

  actionFor(topic: Topic): LagAction {
    return this.#found.find(topic)
  }

  /** From here on other rules hold, checked by `lagKind`. */
  replace(list: readonly LagRule[]): void {
    this.#list = list
    this.#found.replace(compile(list))
  }
}

/**
 * The rules as they are used.
 * @throws ServerError `OPTION_INVALID`
 */
function checkLagRules(given: readonly LagRule[]): readonly LagRule[] {
  const rules = readList(given, { code: 'OPTION_INVALID', what: 'A list of lag rules' })
  if (rules.length > lagRulesMax) {
    throw invalid(`There may be ${lagRulesMax} lag rules; got ${rules.length}. Use patterns.`)
  }
  const checked = rules.map((rule) => {
    const { pattern = '', whenLagging } = readMembers(rule, ['pattern', 'whenLagging'], {
      code: 'OPTION_INVALID',
      what: 'A lag rule',
    })
    if (whenLagging === undefined || !lagActions.includes(whenLagging)) {
      throw invalid(`whenLagging must be ${lagActions.join(', ')}; got ${quoteValue(whenLagging)}.`)
    }
    return { pattern, whenLagging }
  })
  try {
    for (const { pattern } of checked) parseRulePattern(pattern)
    return checked
  } catch (error) {
    if (error instanceof LogError) throw invalid(error.message, error)
    throw error
  }
}

/** Their place in the ledger of rules. */
export const lagKind: RuleKind<LagRule> = { name: 'lag', check: checkLagRules }

function compile(list: readonly LagRule[]): PatternRules<LagAction> {
  return {
    rules: list.map(({ pattern, whenLagging }) => ({ pattern, value: whenLagging })),
    fallback: 'delay',
  }
}

function invalid(message: string, cause?: unknown): ServerError {
  return new ServerError('OPTION_INVALID', message, { cause })
}
