// Tells whether a set of topics and patterns covers all that another name asks for.

import { LogError } from './errors.ts'
import { coversTree, patternTreeOf } from './pattern-tree.ts'
import { quoteValue } from './quote.ts'
import { hasMethods } from './read-members.ts'
import { hasWildcard, parseTopic } from './topic.ts'
import type { Pattern, Topic } from './topic.ts'
import type { TopicSet } from './topic-set.ts'

/**
 * Whether one member of `granted` matches everything that `asked` matches. Several members together
 * cover no pattern that none of them covers alone. Looks at each node of the granted patterns' tree
 * once at most.
 * @throws LogError `OPTION_INVALID` for a set that `parseTopicSet` has not made, `TOPIC_INVALID`
 *   for what is no text
 */
export function covers(granted: TopicSet, asked: Topic | Pattern): boolean {
  if (!hasMethods(granted, ['matches'])) {
    throw new LogError(
      'OPTION_INVALID',
      `What is granted must be a set that parseTopicSet has made; got ${quoteValue(granted)}.`,
    )
  }
  if (typeof asked !== 'string') parseTopic(asked)
  if (!hasWildcard(asked)) return granted.matches(asked as Topic)
  return coversTree(patternTreeOf(granted.patterns), asked as Pattern)
}
