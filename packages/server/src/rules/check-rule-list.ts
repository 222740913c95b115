// A list of rules for topics, as callers hand it in.

import { LogError } from '@tidemark/log'
import { parseRulePattern } from '@tidemark/log/rules'
import { ServerError } from '../errors.ts'
import { rulesMax } from '../limits.ts'
import { readList } from '../read-members.ts'

/**
 * Checks a list, and each rule of it with `check`, which gives the rule as it is used.
 * @param name of the kind, for messages
 * @throws ServerError `OPTION_INVALID`
 */
export function checkRuleList<Rule extends { readonly pattern: string }>(
  given: readonly Rule[],
  name: string,
  check: (rule: Rule) => Rule,
): readonly Rule[] {
  const rules = readList(given, { code: 'OPTION_INVALID', what: `The rules of ${name}` })
  if (rules.length > rulesMax) {
    throw new ServerError(
      'OPTION_INVALID',
      `There may be ${rulesMax} rules of ${name}; got ${rules.length}. Use patterns.`,
    )
  }
  try {
    return rules.map((rule) => {
      const checked = check(rule)
      parseRulePattern(checked.pattern)
      return checked
    })
  } catch (error) {
    if (!(error instanceof LogError)) throw error
    throw new ServerError('OPTION_INVALID', error.message, { cause: error })
  }
}
