// Topics that hold no records and are still known by name. Their marks stay exact while there is
// room for them.

import type { Topic } from '@tidemark/log'
import { emptyTopicsMax } from '@tidemark/log/driver'
import {
  emptyForgottenMax,
  emptyNameCopies,
  emptyOverheadBytes,
  emptyShare,
  emptyTopicsBytesMin,
} from '../limits.ts'
import { readTopicMark } from '../tables/log-state.ts'
import type { LogState } from '../tables/log-state.ts'
import { readSequence, sequenceKey, textKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'

const weightKey = textKey('emptyWeight')

/** To be made inside of a write transaction and dropped with it. */
export class EmptyTopics {
  readonly #tables: Tables
  readonly #state: LogState
  readonly #bytesMax: number
  /** Weight of all of them; undefined until a transaction changes it. */
  #bytes: number | undefined
  #changes = 0

  /** @param maxBytes of the log's retention */
  constructor(tables: Tables, state: LogState, maxBytes: number) {
    this.#tables = tables
    this.#state = state
    this.#bytesMax = Math.max(emptyTopicsBytesMin, maxBytes * emptyShare)
  }

  /** A topic has lost its last record; `gone` is the newest that it ever lost. */
  add(name: Topic, gone: number): void {
    const value = textKey(name)
    // Before it is in the table, which may have to be measured.
    this.#count(1, value.length)
    void this.#tables.empty.put(sequenceKey(gone), value)
  }

  /** A topic that was empty, and had lost `gone`, has a record again. */
  remove(name: Topic, gone: number): void {
    this.#count(-1, textKey(name).length)
    void this.#tables.empty.remove(sequenceKey(gone))
  }

  /** Forgets the oldest that there is no room for, and stores the weight of the rest. */
  save(): void {
    if (this.#changes === 0) return
    const { emptyCount } = this.#state
    // Twice as many as were added, so that a log with a smaller `maxBytes` gets there however fast
    // it is written.
    const forgottenMax = 2 * this.#changes + emptyForgottenMax
    for (let i = 0; i < forgottenMax && this.#isTooMuch(); i++) this.#forgetOldest()
    const bytes = Buffer.allocUnsafe(16)
    bytes.writeDoubleLE(this.#state.emptyCount, 0)
    bytes.writeDoubleLE(this.#readBytes(emptyCount), 8)
    void this.#tables.meta.put(weightKey, bytes)
  }

  #isTooMuch(): boolean {
    const { emptyCount } = this.#state
    return emptyCount > emptyTopicsMax || this.#readBytes(emptyCount) > this.#bytesMax
  }

  #count(sign: 1 | -1, nameBytes: number): void {
    this.#bytes = this.#readBytes(this.#state.emptyCount) + sign * measureEmpty(nameBytes)
    this.#state.emptyCount += sign
    this.#changes += 1
  }

  #readBytes(emptyCount: number): number {
    return (this.#bytes ??= this.#readStored(emptyCount) ?? this.#measureAll())
  }

  /** Undefined when an older version, which knows only their number, has written to the directory since. */
  #readStored(emptyCount: number): number | undefined {
    const stored = this.#tables.meta.getBinary(weightKey)
    if (stored === undefined || stored.readDoubleLE(0) !== emptyCount) return undefined
    return stored.readDoubleLE(8)
  }

  /** Once after an upgrade. 100,000 × ~1 µs = 0.1 s. */
  #measureAll(): number {
    let bytes = 0
    for (const { value } of this.#tables.empty.getRange({})) bytes += measureEmpty(value.length)
    return bytes
  }

  #forgetOldest(): void {
    const { empty, topics, marks } = this.#tables
    for (const { key, value } of empty.getRange({ limit: 1 })) {
      const gone = Buffer.from(key)
      const name = Buffer.from(value)
      const stored = topics.getBinary(name)
      if (stored !== undefined) void marks.remove(sequenceKey(readTopicMark(stored)))
      void empty.remove(gone)
      void topics.remove(name)
      // Also of a topic whose last record left no mark: a condition on its head must know of it.
      this.#state.commonMark = Math.max(this.#state.commonMark, readSequence(gone))
      this.#state.newestMark = Math.max(this.#state.newestMark, this.#state.commonMark)
      this.#bytes = this.#readBytes(this.#state.emptyCount) - measureEmpty(name.length)
      this.#state.emptyCount -= 1
    }
  }
}

/** The name is in `topics`, `marks` and `empty`, in pages that are two thirds full. */
function measureEmpty(nameBytes: number): number {
  return emptyOverheadBytes + emptyNameCopies * nameBytes
}
