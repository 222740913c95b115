// The records of a memory log, what retention removes of them, and the marks it leaves.

import type { Epoch } from '../epoch.ts'
import { toRecordExtras } from '../event-extras.ts'
import type { EventRecord, NewEvent } from '../event-log.ts'
import { readLedgerEnd } from '../ledger-room.ts'
import type { LedgerRoom } from '../ledger-room.ts'
import { emptyTopicBytesMax, emptyTopicsMax, ledgerLookMs } from '../limits.ts'
import { Lineage } from '../lineage.ts'
import { makePosition } from '../position.ts'
import { measureRecord } from '../record-size.ts'
import { decodeRetention, isRetentionRecord } from '../retention-record.ts'
import type { Retention, RetentionInForce } from '../retention.ts'
import { createRuleBook } from '../rule-book.ts'
import type { RuleBook } from '../rule-book.ts'
import type { TopicSet } from '../topic-set.ts'
import type { Topic } from '../topic.ts'
import { encodeTombstone, tombstoneType } from '../tombstone.ts'
import { AgeLists } from './age-lists.ts'
import { EndHeap } from './end-heap.ts'
import { SlotList } from './slot-list.ts'
import { createTopicState, followRules } from './topic-state.ts'
import type { Slot, TopicState } from './topic-state.ts'
import { TopicTree } from './topic-tree.ts'

export interface RecordStoreOptions {
  readonly epoch: Epoch
  readonly retention: Retention
}

/**
 * Adds and removes records; every removal goes through one method, so that lists, sizes and marks
 * agree.
 */
export class RecordStore {
  readonly epoch: Epoch
  readonly lineage: Lineage
  readonly slots: SlotList<Slot> = new SlotList()
  readonly tree: TopicTree = new TopicTree()
  readonly #topics = new Map<Topic, TopicState>()
  #rules: RuleBook
  #rulesFrom: RetentionInForce['from'] = 'configuration'
  readonly #ages: AgeLists
  readonly #ends = new EndHeap()
  /** Topics without records, the longest empty first. They keep their exact mark while they are here. */
  readonly #emptyTopics = new Set<TopicState>()
  /** The newest mark of topics no longer known by name. */
  #commonMark = 0
  /** The newest record that any of those topics ever had. */
  #commonNewest = 0
  #newestMark = 0
  #head = 0
  #headTime = 0
  /** Records that count for the bound on all bytes: those of ledgers do not. */
  readonly #counted = new SlotList<Slot>()
  readonly #ledgers = new Set<TopicState>()
  /** Records of ledgers that go by themselves: deletions, and entries that expire. */
  #endingCount = 0
  /** When ended entries are looked for. */
  #nextLedgerLook = 0
  /** Of the records that count, and of what their topics cost. */
  #bytes = 0
  /** Bytes of topics without records. */
  #emptyBytes = 0

  constructor({ epoch, retention }: RecordStoreOptions) {
    this.epoch = epoch
    this.lineage = new Lineage([{ epoch, begin: 0 }])
    this.#rules = createRuleBook(retention)
    this.#ages = new AgeLists(this.#rules)
  }

  /** Sequence of the newest record ever added, 0 before the first. */
  get head(): number {
    return this.#head
  }

  get headTime(): number {
    return this.#headTime
  }

  /** The sequence after which everything retained follows. */
  get first(): number {
    const oldest = this.slots.first
    return oldest === undefined ? this.#head : oldest.sequence - 1
  }

  /** No topic has a newer mark. */
  get newestMark(): number {
    return this.#newestMark
  }

  get inForce(): RetentionInForce {
    return { retention: this.#rules.retention, from: this.#rulesFrom }
  }

  /**
   * Whether every record is kept as the rules in force say. For a while after a change that is not so; see
   * {@link settle}.
   */
  get isSettled(): boolean {
    return this.#ages.placedTo === this.#head
  }

  topic(name: Topic): TopicState | undefined {
    return this.#topics.get(name)
  }

  get rules(): RuleBook {
    return this.#rules
  }

  /** A sequence that is not before the newest event the topic ever had. */
  newestOf(name: Topic): number {
    const topic = this.#topics.get(name)
    return topic === undefined ? this.#commonNewest : Math.max(topic.newest, topic.mark)
  }

  add(event: NewEvent, time: number): Slot {
    const topic = this.#topics.get(event.topic) ?? this.#addTopic(event.topic)
    followRules(topic, this.#rules)
    const { isSettled } = this
    const sequence = this.#head + 1
    const record: EventRecord = {
      position: makePosition(this.epoch, sequence),
      time,
      topic: event.topic,
      type: event.type ?? 'message',
      data: event.data,
      key: event.key,
      ...toRecordExtras(event, time),
    }
    const slot: Slot = { sequence, time, bytes: measureRecord(event), topic, record }
    this.#head = sequence
    this.#headTime = time
    if (topic.isLedger) this.#noteEnding(slot, 1)
    else {
      if (topic.slots.live === 0) this.#bytes += topic.overheadBytes
      this.#bytes += slot.bytes
      this.#counted.push(slot)
    }
    topic.bytes += slot.bytes
    topic.newest = sequence
    this.slots.push(slot)
    topic.slots.push(slot)
    if (isSettled) this.#ages.place(slot)
    if (record.expiresAt !== undefined) this.#ends.add(slot, record.expiresAt)
    if (this.#emptyTopics.delete(topic)) this.#emptyBytes -= topic.overheadBytes
    if (event.key !== undefined) {
      this.#supersede(topic, event.key, slot)
      if (isRetentionRecord(event)) this.#changeRules(decodeRetention(event))
    }
    return slot
  }

  /** Applies the topic's bounds on number and bytes; removes at most `max` records and returns how many. */
  trimTopic(topic: TopicState, max: number = Infinity): number {
    const { rule, slots } = topic
    let removed = 0
    for (let oldest = slots.first; oldest !== undefined; oldest = slots.first) {
      const isInBounds = slots.live <= rule.maxEvents && topic.bytes <= rule.maxBytes
      if (isInBounds || removed === max) break
      this.#removeByRetention(oldest)
      removed += 1
    }
    return removed
  }

  /**
   * Applies the bound on all bytes: the oldest go first, whatever their topic, but for those of
   * ledgers. Removes at most `max` records and returns how many.
   */
  trimTotal(max: number = Infinity): number {
    const { maxBytes } = this.#rules.retention
    let removed = 0
    for (let oldest = this.#counted.first; oldest !== undefined; oldest = this.#counted.first) {
      if (this.#bytes <= maxBytes || removed === max) break
      this.#removeByRetention(oldest)
      removed += 1
    }
    return removed
  }

  /**
   * Goes on with the work that changed rules ask for, over at most `max` records. Superseded
   * records go before a bound removes any, because they are no loss. Returns whether all is done.
   */
  settle(max: number): boolean {
    let left = max - this.trimTotal(max)
    for (const slot of this.#takeUnsettled(left)) {
      const { topic, record } = slot
      left -= 1
      followRules(topic, this.#rules)
      if (record?.key !== undefined) this.#settleKey(slot, record.key)
      // At its newest record the topic has been looked through.
      if (topic.slots.newest === slot.sequence) left -= this.trimTopic(topic, Math.max(left, 1))
      if (left <= 0) return false
      if (slot.record === undefined) this.#ages.skipTo(slot.sequence)
      else this.#ages.place(slot)
    }
    if (left <= 0) return false
    this.#ages.skipTo(this.#head)
    return true
  }

  /** Removes at most `max` records that are too old; returns how many. */
  expire(now: number, max: number): number {
    let removed = 0
    for (; removed < max; removed++) {
      const oldest = this.#ages.findExpired(now)
      if (oldest === undefined) break
      this.#removeByRetention(oldest)
    }
    return removed + this.#removeEnded(now, max - removed)
  }

  /**
   * Removes at most `max` records whose own end has come; returns their number, and the events to add. The
   * value of a key stays until its tombstone takes its place. Others vanish without a mark.
   */
  removeAtEnd(now: number, max: number): { count: number; tombstones: readonly NewEvent[] } {
    const tombstones: NewEvent[] = []
    const ended = this.#ends.take(now, max)
    for (const slot of ended) {
      const { topic, record } = slot
      if (record === undefined) continue
      const { key, type } = record
      followRules(topic, this.#rules)
      if (type === tombstoneType) this.#removeByRetention(slot)
      else if (key !== undefined && topic.latest?.get(key) === slot)
        tombstones.push(encodeTombstone(topic.name, key))
      else this.#removeWithTopic(slot)
    }
    return { count: ended.length, tombstones }
  }

  /** When the next record becomes too old, or ends; Infinity for never. */
  nextExpiry(): number {
    if (!this.isSettled) return 0
    const next = Math.min(this.#ages.nextExpiry, this.#ends.nextEnd)
    return this.#endingCount === 0 ? next : Math.min(next, this.#nextLedgerLook)
  }

  /** The size of ledgers; see `requireLedgerRoom`. */
  get ledgerRoom(): LedgerRoom {
    return {
      sizeOf: (topic) => {
        const state = this.#topics.get(topic)
        return state && { count: state.slots.live, bytes: state.bytes }
      },
      weightOf: (topic, key) => this.#topics.get(topic)?.latest?.get(key)?.bytes,
      countLedgers: () => this.#ledgers.size,
    }
  }

  /** The newest mark of the set's topics if it is after `after`, else 0. */
  newestMarkAfter(after: number, set: TopicSet): number {
    if (after >= this.#newestMark) return 0
    let newest = after
    for (const name of set.topics) {
      newest = Math.max(newest, this.#topics.get(name)?.mark ?? this.#commonMark)
    }
    // A topic no longer known by name may match any pattern.
    if (set.patterns.length > 0) newest = Math.max(newest, this.#commonMark)
    const isWhole = this.tree.visit(set.patterns, {
      isWorth: ({ newestMark }) => newestMark > newest,
      visit: ({ mark }) => {
        newest = Math.max(newest, mark)
        return true
      },
    })
    // A gap that is not there is better than one that is missed, or than a standstill.
    if (!isWhole) newest = this.#newestMark
    return newest > after ? newest : 0
  }

  #noteEnding({ record, time }: Slot, change: 1 | -1): void {
    if (record === undefined || readLedgerEnd(record) === Infinity) return
    if (this.#endingCount === 0) this.#nextLedgerLook = time + ledgerLookMs
    this.#endingCount += change
  }

  /** A look at every entry, once a minute, and at none while there is nothing that ends. */
  #removeEnded(now: number, max: number): number {
    const restMs = this.#nextLedgerLook - now
    // A longer rest is that of a clock which has been set back.
    if (this.#endingCount === 0 || (restMs > 0 && restMs <= ledgerLookMs)) return 0
    let removed = 0
    for (const { latest } of this.#ledgers) {
      for (const slot of latest?.values() ?? []) {
        if (removed === max) return removed
        if (slot.record === undefined || readLedgerEnd(slot.record) > now) continue
        this.#removeByRetention(slot)
        removed += 1
      }
    }
    this.#nextLedgerLook = now + ledgerLookMs
    return removed
  }

  #addTopic(name: Topic): TopicState {
    // The topic may be one whose mark went into the common one.
    const topic = createTopicState(name, this.#rules, this.#commonMark)
    this.#topics.set(name, topic)
    if (topic.isLedger) this.#ledgers.add(topic)
    this.tree.add(topic)
    return topic
  }

  #changeRules({ retention, from }: RetentionInForce): void {
    this.#rules = createRuleBook(retention)
    this.#rulesFrom = from
    this.#ages.follow(this.#rules)
  }

  /** A list of its own: removing slots moves those of the log. */
  #takeUnsettled(max: number): readonly Slot[] {
    const taken: Slot[] = []
    for (const slot of this.slots.between(this.#ages.placedTo, this.#head)) {
      if (taken.length >= max) break
      taken.push(slot)
    }
    return taken
  }

  /** Removes the older record where a rule keeps the newest per key, whichever of the two is met first. */
  #settleKey(slot: Slot, key: string): void {
    const newest = slot.topic.latest?.get(key)
    if (newest !== undefined && newest.sequence > slot.sequence) this.#remove(slot)
    else if (newest !== slot) this.#supersede(slot.topic, key, slot)
  }

  #supersede({ latest }: TopicState, key: string, slot: Slot): void {
    if (latest === undefined) return
    const older = latest.get(key)
    latest.set(key, slot)
    if (older !== undefined) this.#remove(older)
  }

  #removeByRetention(slot: Slot): void {
    const { topic, record } = slot
    if (record?.key !== undefined && topic.latest?.get(record.key) === slot) {
      topic.latest.delete(record.key)
    }
    topic.mark = slot.sequence
    this.#newestMark = Math.max(this.#newestMark, slot.sequence)
    this.tree.noteMark(topic.name, slot.sequence)
    this.#removeWithTopic(slot)
  }

  /** Its topic may have no record any more, and then counts among those. */
  #removeWithTopic(slot: Slot): void {
    const { topic } = slot
    this.#remove(slot)
    if (topic.slots.live > 0) return
    this.#emptyTopics.add(topic)
    this.#emptyBytes += topic.overheadBytes
    while (this.#emptyTopics.size > emptyTopicsMax || this.#emptyBytes > emptyTopicBytesMax)
      this.#forgetLongestEmpty()
  }

  #remove(slot: Slot): void {
    const { topic, bytes } = slot
    if (topic.isLedger) this.#noteEnding(slot, -1)
    const hasEnd = slot.record?.expiresAt !== undefined
    slot.record = undefined
    if (hasEnd) this.#ends.noteRemoved()
    topic.bytes -= bytes
    topic.slots.noteRemoved()
    if (!topic.isLedger) {
      this.#bytes -= bytes
      this.#counted.noteRemoved()
      if (topic.slots.live === 0) this.#bytes -= topic.overheadBytes
    }
    this.slots.noteRemoved()
    this.#ages.noteRemoved(slot)
  }

  #forgetLongestEmpty(): void {
    const [longest] = this.#emptyTopics
    if (longest === undefined) return
    this.#emptyTopics.delete(longest)
    this.#emptyBytes -= longest.overheadBytes
    this.#topics.delete(longest.name)
    this.#ledgers.delete(longest)
    this.tree.remove(longest.name)
    this.#commonMark = Math.max(this.#commonMark, longest.mark)
    this.#commonNewest = Math.max(this.#commonNewest, this.#commonMark, longest.newest)
  }
}
