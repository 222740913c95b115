// The event at a position, and what took its place.

import { comparePositions, isSameEpoch, parseTopicSet, positionBefore } from '@tidemark/log'
import type { EventLog, EventRecord, LossReason, Position } from '@tidemark/log'
import type { RecentRecords } from '../fan-out/recent.ts'
import { replayPageMax } from '../limits.ts'
import { successorPagesMax } from './limits.ts'

/** An event, or why there is none. */
export interface FoundEvent {
  readonly record?: EventRecord | undefined
  readonly lost?: LossReason | undefined
}

const everything = parseTopicSet(['**', '$hub/**'])

/** Looks among the newest records in memory first: there it is also when the log has another in its place. */
export async function findEvent(
  position: Position,
  { log, recent }: { readonly log: EventLog; readonly recent: RecentRecords },
): Promise<FoundEvent> {
  const after = positionBefore(position)
  const isIt = (record: EventRecord): boolean =>
    comparePositions(record.position, position) === 0 && isSameEpoch(record.position, position)
  const near = recent.after(after)?.find(({ record }) => isIt(record))
  if (near !== undefined) return { record: near.record }
  const page = await log.read({ topics: everything, after, upTo: position, limit: 1 })
  const record = page.records.find(isIt)
  return record === undefined ? { lost: page.lost?.reason } : { record }
}

/**
 * The first event after `record`, up to `upTo`, with its topic and key; undefined where there is none within
 * some pages.
 */
export async function findSuccessor(
  record: EventRecord,
  upTo: Position,
  log: EventLog,
): Promise<Position | undefined> {
  const topics = parseTopicSet([record.topic])
  let after = record.position
  for (let pages = 0; pages < successorPagesMax; pages++) {
    const page = await log.read({ topics, after, upTo, limit: replayPageMax })
    const found = page.records.find(({ key }) => key === record.key)
    if (found !== undefined || page.records.length === 0) return found?.position
    after = page.next
  }
  return undefined
}
