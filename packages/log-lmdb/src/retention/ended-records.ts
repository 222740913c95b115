// Records whose own end has come: they are found in a table by their ends, and go in a transaction that may
// add tombstones.

import type { NewEvent } from '@tidemark/log'
import { encodeTombstone, tombstoneType } from '@tidemark/log/driver'
import { sweepRecordsMax } from '../limits.ts'
import { decodeExpiry, decodeKey, decodeTopic, decodeType } from '../tables/record-codec.ts'
import { asBuffer, endKey, latestKey, readSequence, sequenceKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'
import type { WriteView } from '../append/write-view.ts'

/** The sequences of records that have ended; at most as many as one step removes. */
export function findAtEnd({ ends }: Tables, now: number): readonly number[] {
  const range = { start: endKey(0, 0), end: endKey(now + 1, 0), limit: sweepRecordsMax }
  return [...ends.getKeys(range)].map((key) => readSequence(key))
}

/**
 * Removes records that have ended; returns the events to add. The value of a key stays until its tombstone
 * takes its place. Others vanish without a mark. Another process may have been first: a record that is
 * gone, or no longer the newest of its key, is passed over. So a value is told of once.
 */
export function removeAtEnd(
  tables: Tables,
  view: WriteView,
  sequences: readonly number[],
): readonly NewEvent[] {
  const tombstones: NewEvent[] = []
  for (const sequence of sequences) {
    const stored = tables.records.getBinary(sequenceKey(sequence))
    if (stored === undefined) continue
    const record = asBuffer(stored)
    if (!view.isPast(decodeExpiry(record))) continue
    const topic = decodeTopic(record)
    const { id, rule } = view.look(topic)
    const key = rule.latestBy === 'key' ? decodeKey(record) : undefined
    if (decodeType(record) === tombstoneType) view.removeByRetention(sequence)
    else if (key !== undefined && isNewest(tables, latestKey(id, key), sequence))
      tombstones.push(encodeTombstone(topic, key))
    else view.removeAtEnd(sequence)
  }
  return tombstones
}

function isNewest({ latest }: Tables, place: Buffer, sequence: number): boolean {
  const newest = latest.getBinary(place)
  return newest !== undefined && readSequence(newest) === sequence
}
