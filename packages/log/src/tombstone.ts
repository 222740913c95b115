// The record that says that a key has no value any more.

import type { EventRecord, NewEvent } from './event-log.ts'
import { tombstoneKeptMs } from './limits.ts'
import type { Topic } from './topic.ts'

/** The type of such records. Types that begin with `tidemark.` are no publisher's. */
export const tombstoneType = 'tidemark.deleted'

/**
 * Ends the value of a key, in a topic that keeps the newest record per key. It says its key in its data
 * too, for readers who see nothing else. It goes after a day, and leaves a mark: a reader who was away
 * for longer is told of a gap.
 */
export function encodeTombstone(topic: Topic, key: string): NewEvent {
  const data = JSON.stringify({ key })
  return { topic, type: tombstoneType, key, data, ttlMs: tombstoneKeptMs }
}

/**
 * Whether the event is worth nothing any more at `now`, and is handed to no reader. A tombstone is handed
 * out to its last moment in the log: without it and before its mark a deletion would be missed.
 */
export function isExpired(
  { expiresAt, type }: Pick<EventRecord, 'expiresAt' | 'type'>,
  now: number,
): boolean {
  return expiresAt !== undefined && expiresAt <= now && type !== tombstoneType
}
