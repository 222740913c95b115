// Which topics have sessions, as Tidemark's own packages see it.

import type { Topic } from '@tidemark/log'

/** Told of a topic whose sessions are others; undefined: of all, because the rules are others. */
export type TopicListener = (topic: Topic | undefined, isOwn: boolean) => void

/** The sessions of topics where a rule of presence holds, of all nodes. */
export interface PresentTopics {
  /** `isOwn`: the session is one of this node. The function that is returned ends it. */
  onTopic(listener: TopicListener): () => void
  /** Those that have sessions, as far as this node knows. */
  topics(): Iterable<Topic>
  /** Sessions in a topic; 0 without a rule. Undefined while the sessions of some node are not known. */
  count(topic: Topic): number | undefined
}
