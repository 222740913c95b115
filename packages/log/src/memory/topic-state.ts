// What the memory log knows of one topic.

import type { TopicRule } from '../rule-book.ts'
import type { Topic } from '../topic.ts'
import { SlotList } from './slot-list.ts'
import type { Slot } from './slot-list.ts'

/** A topic that has records, or had some until retention removed them. */
export interface TopicState {
  readonly name: Topic
  readonly rule: TopicRule
  readonly slots: SlotList
  /** The newest slot per key, for topics that keep only that one. */
  readonly latest: Map<string, Slot> | undefined
  bytes: number
  /** The newest sequence retention removed; 0 for none. */
  mark: number
}

/** `mark` is what retention may have removed before this topic was known (again). */
export function createTopicState(name: Topic, rule: TopicRule, mark: number): TopicState {
  return {
    name,
    rule,
    slots: new SlotList(),
    latest: rule.latestBy === 'key' ? new Map() : undefined,
    bytes: 0,
    mark,
  }
}
