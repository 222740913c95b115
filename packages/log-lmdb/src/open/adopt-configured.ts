// The effect of an operator's restart on the rules of a log.

import type { Retention } from '@tidemark/log'
import { encodeRetention, printRetention, retentionKey, rulesTopic } from '@tidemark/log/driver'
import { readTopic } from '../tables/log-state.ts'
import { latestKey, readSequence } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'
import { printConfigured } from './settings.ts'
import type { SettingTexts } from './settings.ts'
import type { WriteView } from '../append/write-view.ts'

export interface Entering {
  readonly tables: Tables
  readonly view: WriteView
  readonly configured: Retention
  /** The settings that the directory was opened with last; undefined for a new one. */
  readonly before: SettingTexts | undefined
}

/**
 * Runs in the transaction in which a process enters the directory. A configuration that differs
 * from the one that was configured last is put in force. The same configuration leaves alone what
 * has been changed at run time since. Returns whether the configuration was put in force.
 */
export function adoptConfigured({ tables, view, configured, before }: Entering): boolean {
  // A version that knows no rules in the log does not say where they are.
  const at = view.state.rulesAt === 0 ? findRulesAt(tables) : 0
  if (at > 0) view.followRules(at)
  const own = printRetention(configured)
  const isKnown = before === undefined || printConfigured(before) === own
  const isAdopted =
    !isKnown && (view.state.rulesAt === 0 || printRetention(view.rules.retention) !== own)
  if (isAdopted) view.add(encodeRetention(configured, 'configuration'))
  if (isAdopted || at > 0) view.save()
  return isAdopted
}

/** Sequence of the record that put retention in force, 0 for none. */
function findRulesAt(tables: Tables): number {
  const stats = readTopic(tables, rulesTopic)
  const newest = stats && tables.latest.getBinary(latestKey(stats.id, retentionKey))
  return newest === undefined ? 0 : readSequence(newest)
}
