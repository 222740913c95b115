// Rules for where a consumer begins that is new: `users/*/**` at the earliest, say, so that a first device
// gets what came before it.

import { covers, parseTopicSet } from '@tidemark/log'
import type { Pattern, Topic, TopicSet } from '@tidemark/log'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { readMembers } from '../read-members.ts'
import { parseSince } from '../request/start-at.ts'
import type { SinceOrNow } from '../request/start-at.ts'
import { checkRuleList } from '../rules/check-rule-list.ts'
import type { RuleKind } from '../rules/rule-kind.ts'

/** A rule for topics. */
export interface StartRule {
  /** A topic, or a pattern such as `users/*`. */
  readonly pattern: string
  /** `now`, `earliest`, `-10` (the last ten), or a duration such as `7d`. */
  readonly startAt: string
}

interface CompiledRule {
  readonly names: TopicSet
  readonly start: SinceOrNow
}

/** The rules of a node. */
export class StartRules {
  #rules: readonly CompiledRule[] = []

  /** From here on these rules hold, checked by {@link startKind}. */
  replace(list: readonly StartRule[]): void {
    this.#rules = list.map(({ pattern, startAt }) => ({
      names: parseTopicSet([pattern]),
      start: parseSince(startAt),
    }))
  }

  /** Where a new consumer begins to follow a name: by the first rule for all that the name matches. */
  startFor(name: Topic | Pattern): SinceOrNow {
    return this.#rules.find(({ names }) => covers(names, name))?.start ?? { kind: 'now' }
  }
}

/** Their place in the ledger of rules. */
export const startKind: RuleKind<StartRule> = {
  name: 'startAt',
  check: (given) =>
    checkRuleList(given, 'startAt', (rule) => {
      const what = { code: 'OPTION_INVALID', what: 'A rule of startAt' } as const
      const { pattern = '', startAt } = readMembers(rule, ['pattern', 'startAt'], what)
      return { pattern, startAt: checkStart(startAt) }
    }),
}

function checkStart(startAt: unknown): string {
  try {
    if (typeof startAt === 'string') {
      parseSince(startAt)
      return startAt
    }
  } catch {
    // Said below.
  }
  throw new ServerError(
    'OPTION_INVALID',
    `startAt must be now, earliest, -10 (the last ten) or a duration such as 7d; got ${quoteValue(startAt)}.`,
  )
}
