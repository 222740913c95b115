// Which topics of a subscription keep the newest value of each key, by the rules of the log.

import { parseTopicSet } from '@tidemark/log'
import type { EventLog, Retention, Topic, TopicSet } from '@tidemark/log'
import { snapshotNamesMax } from './limits.ts'
import { overlap } from '../send/overlaps.ts'
import { namesBeyond, namesOf } from '../session/changed-topics.ts'
import type { SnapshotPlan } from '../session/added-topics.ts'

/** A snapshot that topics have. */
export interface KeyedTopics extends SnapshotPlan {
  /** The names of the subscription that hold such topics. */
  readonly names: readonly string[]
}

/** Finds the topics of a set that have a snapshot, without those of `covered`; undefined: there are none. */
export function findKeyed(
  log: EventLog,
  topics: TopicSet,
  covered: TopicSet | undefined,
): KeyedTopics | undefined {
  // One look at the rules is all that other logs pay.
  if (!log.retention.rules.some(isKeyedRule)) return undefined
  const patterns = keyedPatterns(log.retention)
  const names = covered === undefined ? namesOf(topics) : namesBeyond(topics, covered)
  const found = names.filter((name) => patterns.some((pattern) => overlap(name, pattern)))
  const known = new Map<Topic, boolean>()
  const isKeyed = (topic: Topic): boolean => {
    let is = known.get(topic)
    if (is === undefined) {
      is = log.ruleFor(topic).latestBy === 'key'
      if (known.size >= snapshotNamesMax) known.clear()
      known.set(topic, is)
    }
    return is
  }
  // Of exact names the rule is known: an earlier one may match, and keep all events.
  const keyed = found.filter((name) => name.includes('*') || isKeyed(name as Topic))
  return keyed.length === 0
    ? undefined
    : { names: keyed, reads: planReads(keyed, patterns), isKeyed }
}

/** A stream of `**` reads no more for its snapshot than the topics that have one. */
function planReads(names: readonly string[], patterns: readonly string[]): TopicSet {
  const common = new Set<string>()
  for (const name of names) {
    for (const pattern of patterns) {
      const shared = overlap(name, pattern)
      if (shared !== undefined) common.add(shared)
      if (common.size > snapshotNamesMax) return parseTopicSet(names)
    }
  }
  try {
    return parseTopicSet([...common])
  } catch {
    // More segments than patterns may have together.
    return parseTopicSet(names)
  }
}

function keyedPatterns({ rules }: Retention): readonly string[] {
  return rules.filter(isKeyedRule).map(({ pattern }) => pattern)
}

function isKeyedRule({ latestBy }: Retention['rules'][number]): boolean {
  return latestBy === 'key'
}
