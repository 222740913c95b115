// The rules for topics of a configuration, for the node; and a word where they were changed since.

import type { TideRules, Tidemark, TidemarkOptions } from '@tidemark/server'
import type { HubConfig, SettingName } from './config/hub-config.ts'
import { describeChanged } from './open-log.ts'

/** The setting that has each kind of rules in the file. */
export const ruleSettings: Readonly<Record<keyof TideRules, SettingName>> = {
  retention: 'retention.rules',
  lag: 'delivery.rules',
  presence: 'presence.rules',
  compression: 'rules.compression',
  rate: 'rules.rate',
  startAt: 'rules.startAt',
  subscribers: 'rules.subscribers',
}

/** The lists that a node is configured with. Those of retention are the log's. */
export function planRules({
  delivery,
  presence,
  rules,
}: HubConfig): NonNullable<TidemarkOptions['rules']> {
  return { ...rules, lag: delivery.rules, presence: presence.rules }
}

/** A line for each kind that was changed at run time. The log says it of retention. */
export function describeChangedRules({ rules }: Tidemark): readonly string[] {
  const kinds = Object.entries(ruleSettings) as [keyof TideRules, SettingName][]
  return kinds
    .filter(([name]) => name !== 'retention' && rules[name].from === 'change')
    .map(([name, setting]) => describeChanged(`The list of rules of the kind ${name}`, setting))
}
