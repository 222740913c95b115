// What one write transaction does for the appends that share it.

import { LogError } from '@tidemark/log'
import type { Clock, EventRecord, NewBatch, Retention } from '@tidemark/log'
import { fingerprintBatch, makePosition, readRecordTime } from '@tidemark/log/driver'
import type { Epoch, RuleBook } from '@tidemark/log/driver'
import { addRun, findRun, trimKeys } from './idempotency.ts'
import type { SequenceRun } from './idempotency.ts'
import { trimExtraMax } from './limits.ts'
import type { Tables } from './schema.ts'
import { WriteView } from './write-view.ts'

export interface GroupContext {
  readonly tables: Tables
  readonly epoch: Epoch
  readonly clock: Clock
  readonly rules: RuleBook
  readonly retention: Retention
}

/** One result per batch, and the records that are new. */
export interface GroupResult {
  readonly runs: readonly (SequenceRun | LogError)[]
  /** In log order, with no hole between them, whatever retention has already removed of them. */
  readonly records: readonly EventRecord[]
}

/** A batch that is refused adds nothing and does not touch its neighbours. To be called inside of a transaction. */
export function appendGroup(context: GroupContext, batches: readonly NewBatch[]): GroupResult {
  const { tables, clock, rules, retention } = context
  const view = new WriteView(tables, rules)
  const time = readRecordTime(clock, view.state.headTime)
  const first = view.state.head + 1
  const records: EventRecord[] = []
  const runs = batches.map((batch) => {
    try {
      return addBatch({ context, view, time, records }, batch)
    } catch (error) {
      if (error instanceof LogError) return error
      throw error
    }
  })
  if (records.length > 0) {
    const max = 2 * records.length + trimExtraMax
    const trimmed = view.trimTopics(max, first)
    view.trimTotal(retention.maxBytes, max - trimmed)
    trimKeys(tables, view.state, { now: time, maxBytes: retention.maxBytes, max })
    view.save()
  }
  return { runs, records }
}

interface Adding {
  readonly context: GroupContext
  readonly view: WriteView
  readonly time: number
  readonly records: EventRecord[]
}

function addBatch({ context, view, time, records }: Adding, batch: NewBatch): SequenceRun {
  const { tables, epoch } = context
  const { events, idempotencyKey: key } = batch
  const fingerprint = key === undefined ? 0 : fingerprintBatch(events)
  if (key !== undefined) {
    const known = findRun(tables, key, { fingerprint, now: time })
    if (known !== undefined) return known
  }
  const run = { first: view.state.head + 1, count: events.length }
  for (const event of events) {
    const sequence = view.add(event, time)
    records.push({
      position: makePosition(epoch, sequence),
      time,
      topic: event.topic,
      type: event.type ?? 'message',
      data: event.data,
      key: event.key,
    })
  }
  if (key !== undefined) addRun(tables, view.state, { ...run, key, fingerprint, time })
  return run
}
