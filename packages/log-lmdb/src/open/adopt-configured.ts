// The effect of an operator's restart on the rules of a log.

import type { Retention } from '@tidemark/log'
import { encodeRetention, printRetention, retentionKey, rulesTopic } from '@tidemark/log/driver'
import { readTopic } from '../tables/log-state.ts'
import { latestKey, readSequence } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'
import { printConfigured } from './settings.ts'
import type { SettingTexts } from './settings.ts'
import type { WriteView } from '../append/write-view.ts'
import type { CurrentRules } from '../retention/current-rules.ts'

export interface Entering {
  readonly tables: Tables
  readonly view: WriteView
  readonly rules: CurrentRules
  /** Undefined for a process that names none, and follows the others. */
  readonly configured: Retention | undefined
  /** The settings that the directory was opened with last; undefined for a new one. */
  readonly before: SettingTexts | undefined
}

/**
 * Runs in the transaction in which a process enters the directory. A configuration that differs
 * from the one that was configured last is put in force. The same configuration leaves alone what
 * has been changed at run time since. Returns whether the configuration was put in force.
 */
export function adoptConfigured(entering: Entering): boolean {
  const { tables, view, configured } = entering
  // A version that knows no rules in the log does not say where they are.
  const at = view.state.rulesAt === 0 ? findRulesAt(tables) : 0
  if (at > 0) view.followRules(at)
  const adopted = isNew(entering) ? configured : undefined
  if (adopted !== undefined) view.add(encodeRetention(adopted, 'configuration'))
  if (adopted !== undefined || at > 0) view.save()
  return adopted !== undefined
}

/** Whether a configuration is neither the one before nor in force already. */
function isNew({ view, rules, configured, before }: Entering): boolean {
  if (configured === undefined || before === undefined) return false
  const own = printRetention(configured)
  if (printConfigured(before) === own) return false
  const isInForce = view.state.rulesAt > 0 && rules.isRead
  return !isInForce || printRetention(view.rules.retention) !== own
}

/** Sequence of the record that put retention in force, 0 for none. */
function findRulesAt(tables: Tables): number {
  const stats = readTopic(tables, rulesTopic)
  const newest = stats && tables.latest.getBinary(latestKey(stats.id, retentionKey))
  return newest === undefined ? 0 : readSequence(newest)
}
