// The sessions of topics by node, as far as the nodes have told them.

import type { Topic } from '@tidemark/log'
import type { SessionChange } from '../presence/session-change.ts'
import type { TopicCount } from './topic-count.ts'

/** The counts of one node. */
interface NodeCounts {
  readonly byTopic: Map<Topic, number>
  /** While it tells all anew: topics that it has not told again yet. */
  stale: Set<Topic> | undefined
}

/** A topic of which a node has told more sessions than before. */
export interface Growth {
  readonly topic: Topic
  readonly count: number
  /** How many more. */
  readonly more: number
}

export class ToldCounts {
  readonly #nodes = new Map<string, NodeCounts>()

  /** Sessions of a topic, of all nodes but one. */
  countOthers(topic: Topic, own: string): number {
    let sum = 0
    for (const [node, { byTopic }] of this.#nodes) if (node !== own) sum += byTopic.get(topic) ?? 0
    return sum
  }

  /**
   * Takes what a node has told. Gives the topics that have grown by it, and none while the node tells all
   * anew: then nobody knows what is new.
   */
  take(node: string, change: SessionChange<TopicCount>): readonly Growth[] {
    const { isAnew, hasMore, opened } = change
    const known = this.#nodes.get(node) ?? { byTopic: new Map<Topic, number>(), stale: undefined }
    this.#nodes.set(node, known)
    if (isAnew) known.stale = new Set(known.byTopic.keys())
    const grown: Growth[] = []
    for (const { id: topic, count } of opened) {
      const more = count - (known.byTopic.get(topic) ?? 0)
      if (more > 0 && known.stale === undefined) grown.push({ topic, count, more })
      known.stale?.delete(topic)
      if (count === 0) known.byTopic.delete(topic)
      else known.byTopic.set(topic, count)
    }
    if (!hasMore) {
      for (const topic of known.stale ?? []) known.byTopic.delete(topic)
      known.stale = undefined
    }
    return grown
  }

  drop(node: string): void {
    this.#nodes.delete(node)
  }
}
