// Adds all batches that share one write transaction.

import { LogError } from '@tidemark/log'
import type { EventRecord, NewBatch, Topic } from '@tidemark/log'
import {
  fingerprintBatch,
  requireHead,
  requireLedgerRoom,
  toRecordExtras,
} from '@tidemark/log/driver'
import { addRun, findRun } from './idempotency.ts'
import type { SequenceRun } from './idempotency.ts'
import { createLedgerRoom } from './ledger-room.ts'
import { trimExtraMax } from '../limits.ts'
import type { LogContext } from '../log-context.ts'
import { removeAtEnd } from '../retention/ended-records.ts'
import { readExtent } from '../tables/log-state.ts'
import { WriteView } from './write-view.ts'

/** A part of a write transaction: a batch to add, or records whose own end has come. */
export interface Task extends NewBatch {
  /** Sequences; the tombstones that they call for are the events of this task. */
  readonly ended?: readonly number[]
}

/** One result per batch, and the records that are new. */
export interface GroupResult {
  readonly runs: readonly (SequenceRun | LogError)[]
  /** In log order and without a hole, whatever retention has already removed of them. */
  readonly records: readonly EventRecord[]
  /** The transaction's id. Tails compare it to know whether another process has committed. */
  readonly transactionId: number
  /** Topics from which retention has more to remove. */
  readonly overBound: readonly Topic[]
}

/** A refused batch adds nothing and does not affect its neighbours. Call it inside of a transaction. */
export function appendGroup(context: LogContext, batches: readonly Task[]): GroupResult {
  const view = new WriteView(context)
  const first = view.state.head + 1
  const records: EventRecord[] = []
  const runs = batches.map((batch) => {
    try {
      return addBatch({ context, view, records }, batch)
    } catch (error) {
      if (error instanceof LogError) return error
      throw error
    }
  })
  const hasEnded = batches.some(({ ended }) => ended !== undefined)
  if (records.length > 0 || hasEnded) {
    const max = 2 * records.length + trimExtraMax
    const trimmed = view.trimTopics(max, first)
    view.trimTotal(max - trimmed)
    // Each added event may supersede one, beside the events that are trimmed.
    view.trimRest(max + records.length)
    view.save()
  }
  const overBound = records.length > 0 ? view.topicsOverBound() : []
  return { runs, records, transactionId: context.tables.root.getWriteTxnId(), overBound }
}

interface Adding {
  readonly context: LogContext
  readonly view: WriteView
  readonly records: EventRecord[]
}

function addBatch({ context, view, records }: Adding, batch: Task): SequenceRun {
  const { tables, lineage } = context
  const { now: time } = view
  const { ended, idempotencyKey: key } = batch
  const events = ended === undefined ? batch.events : removeAtEnd(tables, view, ended)
  const fingerprint = key === undefined ? 0 : fingerprintBatch(events)
  if (key !== undefined) {
    const known = findRun(tables, key, { fingerprint, isOld: (at) => view.isKeyOld(at) })
    if (known !== undefined) return known
  }
  requireHead(batch, {
    lineage,
    extent: readExtent(tables, view.state),
    newestOf: (topic) => view.newestOf(topic),
  })
  requireLedgerRoom(events, createLedgerRoom(tables, view))
  const run = { first: view.state.head + 1, count: events.length }
  for (const event of events) {
    const sequence = view.add(event)
    records.push({
      position: lineage.positionAt(sequence),
      time,
      topic: event.topic,
      type: event.type ?? 'message',
      data: event.data,
      key: event.key,
      ...toRecordExtras(event, time),
    })
  }
  if (key !== undefined) addRun(tables, view.state, { ...run, key, fingerprint, time })
  return run
}
