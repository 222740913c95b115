// What a session that cannot keep up still gets of which topics.

import { LogError, hasWildcard, matchesPattern, parsePattern, parseTopic } from '@tidemark/log'
import type { Topic } from '@tidemark/log'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from './errors.ts'
import { lagRulesMax, rememberedTopicsMax } from './limits.ts'
import { readList, readMembers } from './read-members.ts'

/**
 * What happens to events of a topic that a session is behind with, because its socket does not drain or its rate is used up.
 * `delay`: it gets all of them, later. `conflate`: the newest of each key (of the topic, without keys). `drop`: none of
 * them, which a `tidemark.gap` with the reason `rate` says. `disconnect`: it is sent away, and resumes exactly.
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
  readonly #entries: readonly { matches: (topic: Topic) => boolean; action: LagAction }[]
  readonly #known = new Map<Topic, LagAction>()

  /** @throws ServerError `OPTION_INVALID` */
  constructor(given: readonly LagRule[]) {
    const rules = readList(given, { code: 'OPTION_INVALID', what: 'lagRules' })
    if (rules.length > lagRulesMax) {
      throw invalid(`There may be ${lagRulesMax} lag rules; got ${rules.length}. Use patterns.`)
    }
    this.#entries = rules.map((rule) => {
      const { pattern = '', whenLagging } = readMembers(rule, ['pattern', 'whenLagging'], {
        code: 'OPTION_INVALID',
        what: 'A lag rule',
      })
      if (whenLagging === undefined || !lagActions.includes(whenLagging)) {
        throw invalid(
          `whenLagging must be ${lagActions.join(', ')}; got ${quoteValue(whenLagging)}.`,
        )
      }
      return { matches: createMatcher(pattern), action: whenLagging }
    })
  }

  /** Whether every topic is delayed, so that nothing needs to be looked up. */
  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  actionFor(topic: Topic): LagAction {
    if (this.isEmpty) return 'delay'
    const known = this.#known.get(topic)
    if (known !== undefined) return known
    const action = this.#entries.find(({ matches }) => matches(topic))?.action ?? 'delay'
    if (this.#known.size >= rememberedTopicsMax) this.#known.clear()
    this.#known.set(topic, action)
    return action
  }
}

function createMatcher(name: string): (topic: Topic) => boolean {
  try {
    if (hasWildcard(name)) {
      const pattern = parsePattern(name)
      return (topic) => matchesPattern(pattern, topic)
    }
    const exact = parseTopic(name)
    return (topic) => topic === exact
  } catch (error) {
    if (error instanceof LogError) throw invalid(error.message, error)
    throw error
  }
}

function invalid(message: string, cause?: unknown): ServerError {
  return new ServerError('OPTION_INVALID', message, { cause })
}
