// Where a new consumer begins, by the rules for its topics.

import { comparePositions, parseTopicSet } from '@tidemark/log'
import type { EventLog, Position, TopicSet } from '@tidemark/log'
import { wrapLogError } from '../refusal/log-faults.ts'
import type { SinceOrNow, StartAt } from '../request/start-at.ts'
import type { StartRules } from './start-rules.ts'

/**
 * A stream begins at one place. It is the earliest that the rule of any of its topics asks for, so that none
 * begins too late.
 * @throws ServerError `LOG_UNAVAILABLE`
 */
export async function findFirstStart(
  topics: TopicSet,
  rules: StartRules,
  log: EventLog,
): Promise<StartAt> {
  const groups = groupNames(topics, rules)
  const [only, ...others] = groups.values()
  if (only === undefined || others.length === 0) return only?.start ?? { kind: 'now' }
  let earliest: Position | undefined
  for (const { start, names } of groups.values()) {
    if (start.kind === 'now') continue
    const set = parseTopicSet(names)
    const position = await log.locate({ topics: set, since: start }).catch(wrapLogError)
    if (earliest === undefined || comparePositions(position, earliest) < 0) earliest = position
  }
  return earliest === undefined ? { kind: 'now' } : { kind: 'position', position: earliest }
}

interface NamesOfStart {
  readonly start: SinceOrNow
  readonly names: string[]
}

/** The names of each start. */
function groupNames(topics: TopicSet, rules: StartRules): ReadonlyMap<string, NamesOfStart> {
  const groups = new Map<string, NamesOfStart>()
  for (const name of [...topics.topics, ...topics.patterns]) {
    const start = rules.startFor(name)
    const key = JSON.stringify(start)
    const group = groups.get(key) ?? { start, names: [] }
    groups.set(key, group)
    group.names.push(name)
  }
  return groups
}
