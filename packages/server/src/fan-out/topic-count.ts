// How many sessions of a node follow a topic by its name, as the node tells it.

import { parseTopic } from '@tidemark/log'
import type { Topic } from '@tidemark/log'
import type { ToldCodec } from '../presence/session-change.ts'

export interface TopicCount {
  /** The topic: what nodes tell of each other has an id. */
  readonly id: Topic
  /** 0: none any more. */
  readonly count: number
}

export const topicCounts: ToldCodec<TopicCount> = {
  encode: ({ id, count }) => [id, count],
  decode: (row) => {
    if (!Array.isArray(row)) return undefined
    const [id, count] = row as readonly unknown[]
    if (typeof id !== 'string' || typeof count !== 'number') return undefined
    if (!Number.isSafeInteger(count) || count < 0) return undefined
    return { id: parseTopic(id), count }
  },
}
