// Whether a set of topics and patterns holds all that another name asks for.

import { coversTree, patternTreeOf } from './pattern-tree.ts'
import { hasWildcard } from './topic.ts'
import type { Pattern, Topic } from './topic.ts'
import type { TopicSet } from './topic-set.ts'

/**
 * Whether everything that `asked` matches is matched by one member of `granted`. Several members together cover no pattern that
 * none of them covers alone. Looks at each node of the granted patterns' tree once at most.
 */
export function covers(granted: TopicSet, asked: Topic | Pattern): boolean {
  if (!hasWildcard(asked)) return granted.matches(asked as Topic)
  return coversTree(patternTreeOf(granted.patterns), asked as Pattern)
}
