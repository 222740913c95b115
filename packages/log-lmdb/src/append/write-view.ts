// The log as one write transaction sees and changes it. Sizes and marks are kept here, and stored
// once at the end.

import type { NewEvent, Topic, TopicRule } from '@tidemark/log'
import {
  createRuleBook,
  decodeRetention,
  idempotencyAgeMaxMs,
  isLedgerTopic,
  isRetentionRecord,
  measureRecord,
  readRecordTime,
} from '@tidemark/log/driver'
import type { RuleBook } from '@tidemark/log/driver'
import type { AgeHold } from '../clocks/age-hold.ts'
import type { CurrentRules } from '../retention/current-rules.ts'
import { EmptyTopics } from '../retention/empty-topics.ts'
import type { LogContext } from '../log-context.ts'
import { trimKeys } from './idempotency.ts'
import { listLedgers } from '../retention/ledgers.ts'
import { dropForTails, keepForTails, trimRemoved } from '../retention/removed-records.ts'
import type { Removal } from '../retention/removed-records.ts'
import { newestGone, readState, readTopic, writeState, writeTopic } from '../tables/log-state.ts'
import type { LogState, TopicStats } from '../tables/log-state.ts'
import {
  decodeExpiry,
  decodeHead,
  decodeKey,
  decodeTopic,
  encodeRecord,
} from '../tables/record-codec.ts'
import {
  asBuffer,
  endKey,
  indexKey,
  latestKey,
  readSequence,
  sequenceKey,
  textKey,
} from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'

const nothing = Buffer.alloc(0)

interface OpenTopic {
  readonly stats: TopicStats
  rule: TopicRule
  /** As stored; undefined for a topic that is new. */
  readonly storedMark: number | undefined
  /** As {@link newestGone} says of it as it is stored. */
  readonly storedGone: number | undefined
  readonly wasEmpty: boolean
}

/** All removals go through one method, so that records, index, sizes and marks agree. */
export class WriteView {
  readonly state: LogState
  /** The time of added records. */
  readonly now: number
  /**
   * The end of an age. Not the record time: one record dated far ahead must not make all before it
   * too old.
   */
  readonly #ageNow: number
  readonly #hold: AgeHold
  /** Undefined until a key is too old. */
  #isClockInDoubt: boolean | undefined
  readonly #tables: Tables
  readonly #current: CurrentRules
  #rules: RuleBook
  readonly #topics = new Map<Topic, OpenTopic>()
  readonly #empty: EmptyTopics

  /** Make it inside of the transaction, and drop it with the transaction. */
  constructor({
    tables,
    rules,
    clock,
    hold,
  }: Pick<LogContext, 'tables' | 'rules' | 'clock' | 'hold'>) {
    this.#tables = tables
    this.#hold = hold
    this.state = readState(tables)
    this.#current = rules
    this.#rules = rules.find(tables, this.state)
    this.#empty = new EmptyTopics(tables, this.state, this.#rules.retention.maxBytes)
    this.now = readRecordTime(clock, this.state.headTime)
    this.#ageNow = Math.floor(clock.now())
  }

  /** The rules in force for what comes next. */
  get rules(): RuleBook {
    return this.#rules
  }

  /**
   * Whether no topic that keeps the newest record per key has an older one. For a while after a
   * change of rules that is not so.
   */
  get areKeysSettled(): boolean {
    return this.state.keysAt === this.state.rulesAt
  }

  /** Takes the record with this sequence for the one that put retention in force. */
  followRules(sequence: number): void {
    this.state.rulesAt = sequence
    this.#putInForce(this.#current.find(this.#tables, this.state))
  }

  /** Adds a record and returns its sequence. */
  add(event: NewEvent): number {
    const { state, now: time } = this
    const { stats, rule } = this.#open(event.topic)
    const weight = measureRecord(event)
    const sequence = state.head + 1
    const { records, index, ends } = this.#tables
    const value = encodeRecord(event, { time, topicId: stats.id, weight })
    // Sequences only rise, so appending fills pages completely.
    records.putSync(sequenceKey(sequence), value, { append: true })
    void index.put(indexKey(stats.id, sequence), nothing)
    if (event.ttlMs !== undefined) void ends.put(endKey(time + event.ttlMs, sequence), nothing)
    state.head = sequence
    state.headTime = time
    state.count += 1
    state.bytes += weight
    stats.count += 1
    stats.bytes += weight
    stats.newest = sequence
    if (event.key !== undefined && rule.latestBy === 'key') {
      this.#supersede(stats, event.key, sequence)
      // A ledger is such a topic.
      if (isRetentionRecord(event)) {
        state.rulesAt = sequence
        this.#putInForce(createRuleBook(decodeRetention(event).retention))
      }
    }
    return sequence
  }

  /**
   * Applies the bounds on number and bytes to each topic that got records. Removes at most `max`
   * records, and none from `below` on. Tails of other processes would never see a record that is
   * added and removed in one transaction.
   */
  trimTopics(max: number, below: number): number {
    let removed = 0
    for (const { stats } of this.#topics.values())
      removed += this.trimTopic(stats.name, max - removed, below)
    return removed
  }

  /** Topics that still hold too much after a trim that stopped at `max`. */
  topicsOverBound(): readonly Topic[] {
    return [...this.#topics.values()]
      .filter(({ stats, rule }) => isOverBound(stats, rule))
      .map(({ stats }) => stats.name)
  }

  trimTopic(name: Topic, max: number, below: number = Infinity): number {
    const { stats, rule } = this.#open(name)
    // Superseded records go before a bound removes any, because they are no loss.
    if (rule.latestBy === 'key' && !this.areKeysSettled) return 0
    let removed = 0
    while (removed < max && isOverBound(stats, rule)) {
      const wanted = Math.min(max - removed, Math.max(1, stats.count - rule.maxEvents), 64)
      const oldest = this.oldestOf(stats.id, wanted)
      if (oldest.length === 0) return removed
      for (const sequence of oldest) {
        if (!isOverBound(stats, rule)) return removed
        if (sequence >= below) return removed
        this.removeByRetention(sequence)
        removed += 1
      }
    }
    return removed
  }

  /**
   * Applies the bound on all bytes. The oldest records go first, except those of ledgers. Looks at
   * `max` records at most, and returns how many. Ledger records at the front of the log are looked
   * at once.
   */
  trimTotal(max: number): number {
    const { state } = this
    const { maxBytes } = this.#rules.retention
    if (state.bytes <= maxBytes) return 0
    const ledgers = this.listLedgers()
    const bytesMax = ledgers.reduce((sum, { bytes }) => sum + bytes, maxBytes)
    const newest = ledgers.reduce((most, ledger) => Math.max(most, ledger.newest), 0)
    let looked = 0
    while (state.bytes > bytesMax && looked < max) {
      const range = { start: sequenceKey(state.countedFrom), limit: Math.min(64, max - looked) }
      const oldest = [...this.#tables.records.getKeys(range)]
      if (oldest.length === 0) return looked
      for (const key of oldest) {
        if (state.bytes <= bytesMax) return looked
        const sequence = readSequence(key)
        looked += 1
        state.countedFrom = sequence + 1
        if (sequence <= newest && this.#isOfLedger(sequence)) continue
        // Not kept for tails: it is the oldest of a log that is over its bound.
        this.#markLost(sequence, { isKept: false })
      }
    }
    return looked
  }

  /** A ledger or another topic as this transaction has it. */
  findTopic(name: Topic): TopicStats | undefined {
    return this.#topics.get(name)?.stats ?? readTopic(this.#tables, name)
  }

  /** A sequence that is not before the newest event the topic ever had. */
  newestOf(name: Topic): number {
    const stats = this.findTopic(name)
    return stats === undefined ? this.state.commonMark : Math.max(stats.newest, newestGone(stats))
  }

  /** All ledgers, including those that this transaction adds. */
  listLedgers(): readonly TopicStats[] {
    const ledgers = new Map(listLedgers(this.#tables).map((stats) => [stats.name, stats]))
    for (const [name, { stats }] of this.#topics) if (isLedgerTopic(name)) ledgers.set(name, stats)
    return [...ledgers.values()]
  }

  #isOfLedger(sequence: number): boolean {
    const bytes = this.#tables.records.getBinary(sequenceKey(sequence))
    return bytes !== undefined && isLedgerTopic(decodeTopic(bytes))
  }

  /** Drops records that were kept for tails, and forgets idempotency keys; at most `max` of each. */
  trimRest(max: number): void {
    const bounds = { now: this.now, maxBytes: this.#rules.retention.maxBytes, max }
    trimRemoved(this.#tables, this.state, bounds)
    trimKeys(this.#tables, this.state, { ...bounds, isOld: (time) => this.isKeyOld(time) })
  }

  /**
   * Whether an idempotency key of this time is forgotten. If the clock may be wrong, no key is
   * forgotten: its batch would be stored twice.
   */
  isKeyOld(time: number): boolean {
    if (this.#ageNow - time <= idempotencyAgeMaxMs) return false
    this.#isClockInDoubt ??= this.#hold.isInDoubt(this.#tables, this.#ageNow)
    return !this.#isClockInDoubt
  }

  /** Removes what a record supersedes, or itself, in a topic that came to keep the newest record per key. */
  settleKey(sequence: number): void {
    const { records, latest } = this.#tables
    const bytes = records.getBinary(sequenceKey(sequence))
    const key = bytes && decodeKey(bytes)
    if (bytes === undefined || key === undefined) return
    const { stats, rule } = this.#open(decodeTopic(bytes))
    if (rule.latestBy !== 'key') return
    const newest = latest.getBinary(latestKey(stats.id, key))
    const newestAt = newest === undefined ? 0 : readSequence(newest)
    if (newestAt < sequence) this.#supersede(stats, key, sequence)
    else if (newestAt > sequence) this.#remove(sequence, 'superseded', true)
  }

  removeByRetention(sequence: number): void {
    this.#markLost(sequence, { isKept: true })
  }

  /** Removes a record at its own end. It leaves no mark, because nothing of worth is lost. */
  removeAtEnd(sequence: number): void {
    const topic = this.#remove(sequence, 'superseded', false)
    if (topic !== undefined) topic.vanished = Math.max(topic.vanished, sequence)
  }

  #markLost(sequence: number, { isKept }: { readonly isKept: boolean }): void {
    const topic = this.#remove(sequence, 'trimmed', isKept)
    if (topic === undefined) return
    topic.mark = Math.max(topic.mark, sequence)
    this.state.newestMark = Math.max(this.state.newestMark, sequence)
  }

  /** The oldest sequences of a topic. */
  oldestOf(topicId: number, limit: number): number[] {
    const range = { start: indexKey(topicId, 0), end: indexKey(topicId + 1, 0), limit }
    return [...this.#tables.index.getKeys(range)].map((key) => readSequence(key))
  }

  #newestOf(topicId: number): number {
    const range = { start: indexKey(topicId + 1, 0), end: indexKey(topicId, 0), reverse: true }
    for (const key of this.#tables.index.getKeys({ ...range, limit: 1 })) return readSequence(key)
    return 0
  }

  look(name: Topic): { readonly id: number; readonly rule: TopicRule } {
    const { stats, rule } = this.#open(name)
    return { id: stats.id, rule }
  }

  /** Whether a time has come, by the machine's clock. */
  isPast(time: number): boolean {
    return time <= this.#ageNow
  }

  /** Stores all changes beside the records. */
  save(): void {
    for (const topic of this.#topics.values()) this.#saveTopic(topic)
    this.#empty.save()
    writeState(this.#tables, this.state)
  }

  #open(name: Topic): OpenTopic {
    const known = this.#topics.get(name)
    if (known !== undefined) return known
    const stored = readTopic(this.#tables, name)
    const topic: OpenTopic = {
      stats: stored ?? this.#createTopic(name),
      rule: this.#rules.ruleFor(name),
      storedMark: stored?.mark,
      storedGone: stored && newestGone(stored),
      wasEmpty: stored?.count === 0,
    }
    this.#topics.set(name, topic)
    return topic
  }

  #putInForce(rules: RuleBook): void {
    this.#rules = rules
    for (const topic of this.#topics.values()) topic.rule = rules.ruleFor(topic.stats.name)
  }

  #createTopic(name: Topic): TopicStats {
    const id = this.state.nextTopicId
    this.state.nextTopicId += 1
    // The topic's own mark may have gone into the common one.
    return { name, id, count: 0, bytes: 0, mark: this.state.commonMark, newest: 0, vanished: 0 }
  }

  #supersede(topic: TopicStats, eventKey: string, sequence: number): void {
    const { latest } = this.#tables
    const key = latestKey(topic.id, eventKey)
    const older = latest.getBinary(key)
    void latest.put(key, sequenceKey(sequence))
    if (older !== undefined) this.#remove(readSequence(older), 'superseded', true)
  }

  #remove(sequence: number, removal: Removal, isKept: boolean): TopicStats | undefined {
    const { records, index, latest, ends } = this.#tables
    const key = sequenceKey(sequence)
    const bytes = records.getBinary(key)
    if (bytes === undefined) return undefined
    const { topicId, weight } = decodeHead(bytes)
    const { stats } = this.#open(decodeTopic(bytes))
    const eventKey = decodeKey(bytes)
    void records.remove(key)
    void index.remove(indexKey(topicId, sequence))
    const end = decodeExpiry(bytes)
    if (end !== Infinity) void ends.remove(endKey(end, sequence))
    if (isKept && end > this.#ageNow)
      keepForTails(this.#tables, this.state, { sequence, record: bytes, removal, now: this.now })
    else dropForTails(this.state, { sequence, removal })
    if (eventKey !== undefined) {
      const place = latestKey(topicId, eventKey)
      const newest = latest.getBinary(place)
      if (newest !== undefined && readSequence(newest) === sequence) void latest.remove(place)
    }
    this.state.count -= 1
    this.state.bytes -= weight
    stats.count -= 1
    stats.bytes -= weight
    // Only at its own end does a record leave older ones behind.
    if (stats.newest === sequence && stats.count > 0) stats.newest = this.#newestOf(topicId)
    return stats
  }

  #saveTopic({ stats, storedMark, storedGone, wasEmpty }: OpenTopic): void {
    const { marks } = this.#tables
    if (stats.mark !== storedMark) {
      // The common mark belongs to no topic and has no entry.
      if (storedMark !== undefined && this.#isMarkOf(storedMark, stats.name)) {
        void marks.remove(sequenceKey(storedMark))
      }
      if (stats.mark > this.state.commonMark)
        void marks.put(sequenceKey(stats.mark), textKey(stats.name))
    }
    const isEmpty = stats.count === 0
    // A batch that is larger than the log may be empties the topic that it fills. The topic has
    // another mark then.
    const gone = newestGone(stats)
    const isMoved = isEmpty !== wasEmpty || gone !== storedGone
    if (isMoved && wasEmpty && storedGone !== undefined) this.#empty.remove(stats.name, storedGone)
    if (isMoved && isEmpty) this.#empty.add(stats.name, gone)
    writeTopic(this.#tables, stats)
  }

  #isMarkOf(mark: number, name: Topic): boolean {
    const owner = this.#tables.marks.getBinary(sequenceKey(mark))
    return owner !== undefined && asBuffer(owner).toString() === name
  }
}

function isOverBound(stats: TopicStats, rule: TopicRule): boolean {
  return stats.count > rule.maxEvents || stats.bytes > rule.maxBytes
}
