// The tails of one handle: every record of every process, in order.

import { LogError, formatCursor } from '@tidemark/log'
import type { Clock, EventRecord, Position, Tail, TailHandler, Timer } from '@tidemark/log'
import {
  countCharacters,
  HandledTail,
  mergeByPosition,
  pageDataMax,
  sequenceOf,
  tailBatchMax,
} from '@tidemark/log/driver'
import type { Lineage } from '@tidemark/log/driver'
import { recordOf } from '../retention/removed-records.ts'
import { readExtent, readState } from '../tables/log-state.ts'
import type { OwnHistory } from '../history/own-history.ts'
import { decodeRecord } from '../tables/record-codec.ts'
import { asBuffer, readSequence, sequenceKey, withSnapshot } from '../tables/schema.ts'
import type { Table, Tables } from '../tables/schema.ts'
import type { WakeFile } from './wake-file.ts'

export interface TailsOptions {
  readonly tables: Tables
  readonly lineage: Lineage
  readonly history: OwnHistory
  readonly clock: Clock
  readonly wake: WakeFile
  readonly pollMs: number
  /** The first sequence that will be announced; see `AppendQueue.inFlightFirst`. */
  readonly announcedFrom: () => number
  /** Called with an error of a handler, or of a read. The tails go on. */
  readonly onError: (error: unknown) => void
}

/**
 * Hands records over to tails. Tails that are up to date get this handle's own commits from memory.
 * Others read from the directory, a bounded batch per turn.
 */
export class Tails {
  readonly #options: TailsOptions
  readonly #tails = new Set<HandledTail>()
  #poll: Timer | undefined
  /** The transaction up to which every tail has everything. Undefined when a tail may be behind. */
  #levelAt: number | undefined
  #turn: NodeJS.Immediate | undefined
  #isClosed = false

  constructor(options: TailsOptions) {
    this.#options = options
  }

  /** @throws LogError `POSITION_INVALID`, `LOG_DIRECTORY_LOST`, `LOG_SUPERSEDED` */
  open(after: Position, handler: TailHandler): Tail {
    const { lineage, tables, wake, history } = this.#options
    const { head, place } = withSnapshot(tables, () => {
      history.require()
      const state = readState(tables)
      return { head: state.head, place: lineage.place(after, readExtent(tables, state)) }
    })
    if (place.lost !== undefined) {
      throw new LogError(
        'POSITION_INVALID',
        `A tail starts at a position of this log up to its head ${formatCursor(lineage.positionAt(head))}; got ${formatCursor(after)}. Start from \`bounds().head\`.`,
      )
    }
    const tail = new HandledTail(after, handler, (closed) => this.#tails.delete(closed))
    this.#tails.add(tail)
    wake.listen(() => this.check())
    this.#pollLater()
    if (sequenceOf(after) < head) this.#advanceLater()
    return tail
  }

  /**
   * Hands over the records that this handle has just committed as `transactionId`; they have no
   * hole.
   */
  announce(records: readonly EventRecord[], transactionId: number): void {
    const [oldest] = records
    if (oldest === undefined) return
    const first = sequenceOf(oldest.position)
    if (this.#levelAt === transactionId - 1) this.#levelAt = transactionId
    for (const tail of [...this.#tails]) {
      const missing = sequenceOf(tail.position) + 1 - first
      // The tail is behind: another process has committed in between, or the tail is still catching
      // up.
      if (missing < 0) this.#advanceLater()
      else if (missing === 0) this.#handOver(tail, records)
      else this.#handOver(tail, records.slice(missing))
    }
  }

  /**
   * Looks for new records in the next turn if any process has committed. Also called for each
   * commit of this handle.
   */
  check(): void {
    if (this.#isClosed) return
    const { tables, history } = this.#options
    const visible = this.#readVisible()
    if (tables.newest.isOlder) {
      // Sooner than the check once a second. The sooner the loss is told, the fewer processes come
      // and find nothing wrong.
      history.check()
      return
    }
    const isLevel = this.#levelAt !== undefined && visible === this.#levelAt
    if (!isLevel) this.#advanceLater()
  }

  #advanceLater(): void {
    this.#levelAt = undefined
    if (this.#isClosed || this.#tails.size === 0) return
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined
      this.#advanceAll()
    })
  }

  close(): void {
    this.#isClosed = true
    this.#poll?.cancel()
    if (this.#turn !== undefined) clearImmediate(this.#turn)
    for (const tail of this.#tails) tail.close()
  }

  #pollLater(): void {
    const { clock, pollMs } = this.#options
    if (this.#isClosed || this.#poll !== undefined || this.#tails.size === 0) return
    this.#poll = clock.after(pollMs, () => {
      this.#poll = undefined
      this.check()
      this.#pollLater()
    })
  }

  #advanceAll(): void {
    // Read before the snapshots, which may be newer.
    const visible = this.#readVisible()
    let hasMore = false
    let hasFailed = false
    // Tails that stand at one place are handed the same records: read and decoded once.
    let found: Found | undefined
    for (const tail of [...this.#tails]) {
      try {
        if (tail.isClosed) continue
        const reached = sequenceOf(tail.position)
        if (found?.after !== reached) found = this.#find(reached)
        if (this.#advance(tail, found)) hasMore = true
      } catch (error) {
        hasFailed = true
        this.#options.onError(error)
      }
    }
    if (hasMore) this.#advanceLater()
    // While a group of this handle is in flight, later commits of other processes are visible and
    // not handed over.
    else if (!hasFailed && this.#options.announcedFrom() === Infinity) this.#levelAt = visible
  }

  /** Undefined when the id cannot be read. The next check then looks at the data itself. */
  #readVisible(): number | undefined {
    const { newest } = this.#options.tables
    try {
      newest.check()
      return newest.visibleId
    } catch (error) {
      this.#options.onError(error)
      return undefined
    }
  }

  /** The next records for a tail that has reached a sequence. */
  #find(after: number): Found {
    const { tables, announcedFrom, history } = this.#options
    const end = announcedFrom() - 1
    // Up to date but for what comes by itself.
    if (after === end) return { after, head: after, records: [] }
    return withSnapshot(tables, () => {
      history.check()
      // The log has been told of it. The records there are of another history, under the same sequences.
      if (history.isLost) return { after, head: after, records: [] }
      const { head: newest, tailMark, removedBytes } = readState(tables)
      const head = Math.min(newest, end)
      if (tailMark > after) return { after, head, records: [], overtakenTo: tailMark }
      if (after >= head) return { after, head, records: [] }
      return { after, head, records: this.#read({ after, upTo: head, removedBytes }) }
    })
  }

  /** Hands one batch to a tail; returns whether there may be more. */
  #advance(tail: HandledTail, { after, head, records, overtakenTo }: Found): boolean {
    const { lineage } = this.#options
    if (overtakenTo !== undefined) {
      this.#guard(() => tail.overtake(lineage.positionAt(overtakenTo)))
    } else if (records.length > 0) {
      this.#handOver(tail, records)
    } else if (after < head) {
      // All after it were superseded by newer ones that have been superseded as well.
      tail.moveTo(lineage.positionAt(head))
    }
    return !tail.isClosed && sequenceOf(tail.position) < head
  }

  #read(range: { after: number; upTo: number; removedBytes: number }): readonly EventRecord[] {
    const { tables } = this.#options
    const stored = this.#decode(tables.records, range, asBuffer)
    const all =
      range.removedBytes === 0
        ? stored
        : mergeByPosition<EventRecord>(
            [stored, this.#decode(tables.removed, range, recordOf)],
            ({ position }) => sequenceOf(position),
          )
    const records: EventRecord[] = []
    let data = 0
    for (const record of all) {
      records.push(record)
      data += countCharacters(record)
      if (records.length === tailBatchMax || data >= pageDataMax) break
    }
    return records
  }

  *#decode(
    table: Table,
    { after, upTo }: { readonly after: number; readonly upTo: number },
    bytesOf: (value: Uint8Array) => Buffer,
  ): Generator<EventRecord, void, undefined> {
    const { lineage } = this.#options
    const range = { start: sequenceKey(after + 1), end: sequenceKey(upTo + 1), limit: tailBatchMax }
    for (const { key, value } of table.getRange(range)) {
      yield decodeRecord(bytesOf(value), lineage.positionAt(readSequence(key)))
    }
  }

  #handOver(tail: HandledTail, records: readonly EventRecord[]): void {
    this.#guard(() => tail.handOver(records))
  }

  #guard(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#options.onError(error)
    }
  }
}

interface Found {
  readonly after: number
  /** Up to where tails are moved for now. */
  readonly head: number
  readonly records: readonly EventRecord[]
  /** Retention was faster than the tail. */
  readonly overtakenTo?: number
}
