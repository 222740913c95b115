// The tails of a memory log: all records, in order, outside of the append that added them.

import { LogError } from '../errors.ts'
import { countCharacters } from '../event-extras.ts'
import type { EventRecord, Tail, TailHandler } from '../event-log.ts'
import { HandledTail } from '../handled-tail.ts'
import { pageDataMax, tailBatchMax } from '../limits.ts'
import { formatCursor, makePosition, sequenceOf } from '../position.ts'
import type { Position } from '../position.ts'
import type { RecordStore } from './record-store.ts'

export interface TailSetOptions {
  readonly store: RecordStore
  /** Called with an error that a handler threw; the tail goes on. */
  readonly onHandlerError: (error: unknown) => void
}

/**
 * Delivers in a microtask. Records of one turn come as one batch, and a handler that appends is not
 * called again from inside itself. All tails that are up to date share the batch. A tail that is
 * behind reads from the store, a bounded batch per microtask.
 */
export class TailSet {
  readonly #store: RecordStore
  readonly #onHandlerError: (error: unknown) => void
  readonly #tails = new Set<HandledTail>()
  /**
   * Records appended since the last delivery, including those that retention has removed in the
   * meantime.
   */
  #fresh: EventRecord[] = []
  #isScheduled = false

  constructor({ store, onHandlerError }: TailSetOptions) {
    this.#store = store
    this.#onHandlerError = onHandlerError
  }

  /** @throws LogError `POSITION_INVALID` */
  open(after: Position, handler: TailHandler): Tail {
    const { epoch, head, lineage } = this.#store
    if (lineage.place(after, this.#store).lost !== undefined) {
      throw new LogError(
        'POSITION_INVALID',
        `A tail starts at a position of this log up to its head ${formatCursor(makePosition(epoch, head))}; got ${formatCursor(after)}. Start from \`bounds().head\`.`,
      )
    }
    const tail = new HandledTail(after, handler, (closed) => this.#tails.delete(closed))
    this.#tails.add(tail)
    if (sequenceOf(after) < head) this.#schedule()
    return tail
  }

  announce(records: readonly EventRecord[]): void {
    if (this.#tails.size === 0) return
    for (const record of records) this.#fresh.push(record)
    this.#schedule()
  }

  close(): void {
    for (const tail of this.#tails) tail.close()
    this.#fresh = []
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => this.#deliver())
  }

  #deliver(): void {
    this.#isScheduled = false
    const fresh = this.#fresh
    this.#fresh = []
    for (const tail of this.#tails) {
      try {
        this.#advance(tail, fresh)
      } catch (error) {
        this.#onHandlerError(error)
      }
      if (!tail.isClosed && sequenceOf(tail.position) < this.#store.head) this.#schedule()
    }
  }

  #advance(tail: HandledTail, fresh: readonly EventRecord[]): void {
    const store = this.#store
    const reached = sequenceOf(tail.position)
    const [oldest] = fresh
    if (oldest !== undefined && reached >= sequenceOf(oldest.position) - 1) {
      const missing = reached - sequenceOf(oldest.position) + 1
      tail.handOver(missing === 0 ? fresh : fresh.slice(missing))
    } else if (store.newestMark > reached) {
      tail.overtake(makePosition(store.epoch, store.newestMark))
    } else {
      tail.handOver(this.#read(reached))
    }
  }

  #read(after: number): readonly EventRecord[] {
    const records: EventRecord[] = []
    let data = 0
    for (const { record } of this.#store.slots.between(after, this.#store.head)) {
      if (record === undefined) continue
      records.push(record)
      data += countCharacters(record)
      if (records.length === tailBatchMax || data >= pageDataMax) break
    }
    return records
  }
}
