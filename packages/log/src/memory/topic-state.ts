// The state of one topic in the memory log, and the place of one record.

import type { EventRecord } from '../event-log.ts'
import { isLedgerTopic } from '../ledger-room.ts'
import { topicOverheadBytes, topicSegmentBytes } from '../limits.ts'
import type { TopicRule } from '../rule-book.ts'
import type { Topic } from '../topic.ts'
import { SlotList } from './slot-list.ts'

/** A record's place. The same slot stands in every list the record belongs to. */
export interface Slot {
  readonly sequence: number
  readonly time: number
  readonly bytes: number
  readonly topic: TopicState
  /** Undefined once removed. */
  record: EventRecord | undefined
}

/** A topic that has records, or had some until retention removed them. */
export interface TopicState {
  readonly name: Topic
  readonly rule: TopicRule
  /** Its records do not count for the bound on all bytes. */
  readonly isLedger: boolean
  readonly slots: SlotList<Slot>
  /** The newest slot per key, for topics that keep only that one. */
  readonly latest: Map<string, Slot> | undefined
  bytes: number
  /** Its bytes beside its records. */
  readonly overheadBytes: number
  /** The newest sequence retention removed; 0 for none. */
  mark: number
}

/**
 * @param mark the newest sequence that retention may have removed before this topic was known
 *   (again)
 */
export function createTopicState(name: Topic, rule: TopicRule, mark: number): TopicState {
  return {
    name,
    rule,
    isLedger: isLedgerTopic(name),
    slots: new SlotList(),
    latest: rule.latestBy === 'key' ? new Map() : undefined,
    bytes: 0,
    overheadBytes: topicOverheadBytes + name.split('/').length * topicSegmentBytes,
    mark,
  }
}
