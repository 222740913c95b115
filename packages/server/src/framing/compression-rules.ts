// Rules for which topics' events are compressed, in streams that are.

import type { Topic } from '@tidemark/log'
import { TopicRules } from '@tidemark/log/rules'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { rememberedTopicsMax } from '../limits.ts'
import { readMembers } from '../read-members.ts'
import { checkRuleList } from '../rules/check-rule-list.ts'
import type { RuleKind } from '../rules/rule-kind.ts'

/** A rule for topics. */
export interface CompressionRule {
  /** A topic, or a pattern such as `images/**`. */
  readonly pattern: string
  /** Whether such events are compressed where their stream is. False: they stand in it as they are. */
  readonly compress: boolean
}

/** The rules of a node. The first that matches a topic decides; without one events are compressed. */
export class CompressionRules {
  readonly #found = new TopicRules<boolean>({ rules: [], fallback: true }, rememberedTopicsMax)

  /** From here on these rules hold, checked by {@link compressionKind}. */
  replace(list: readonly CompressionRule[]): void {
    const rules = list.map(({ pattern, compress }) => ({ pattern, value: compress }))
    this.#found.replace({ rules, fallback: true })
  }

  /** Whether events of a topic stand in a compressed stream as they are. */
  isStored(topic: Topic): boolean {
    return !this.#found.isEmpty && !this.#found.find(topic)
  }
}

/** Their place in the ledger of rules. */
export const compressionKind: RuleKind<CompressionRule> = {
  name: 'compression',
  check: (given) =>
    checkRuleList(given, 'compression', (rule) => {
      const what = { code: 'OPTION_INVALID', what: 'A rule of compression' } as const
      const { pattern = '', compress } = readMembers(rule, ['pattern', 'compress'], what)
      if (typeof compress === 'boolean') return { pattern, compress }
      throw new ServerError(
        'OPTION_INVALID',
        `compress of a rule of compression is true or false; got ${quoteValue(compress)}.`,
      )
    }),
}
