// Whether records looked at one after another are of a set.

import type { TopicSet } from '../topic-set.ts'
import type { TopicState } from './topic-state.ts'

/** Whether a topic is of the set; each topic is matched once. */
export function createTopicFilter(set: TopicSet): (topic: TopicState) => boolean {
  const known = new Map<TopicState, boolean>()
  return (topic) => {
    let isWanted = known.get(topic)
    if (isWanted === undefined) {
      isWanted = set.matches(topic.name)
      known.set(topic, isWanted)
    }
    return isWanted
  }
}
