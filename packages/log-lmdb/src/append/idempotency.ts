// Idempotency keys, with the events of each and the positions that these got.
//
// `keys` holds fingerprint, first sequence, count and time by key. `keysByAge` holds the key by its
// first sequence. No two keys share a first sequence, and sequences rise with time.

import { LogError } from '@tidemark/log'
import {
  idempotencyAgeMaxMs,
  idempotencyBytesMin,
  idempotencyOverheadBytes,
  idempotencyShare,
} from '@tidemark/log/driver'
import { checksumBytes, writeChecksum } from '../tables/checksum.ts'
import type { LogState } from '../tables/log-state.ts'
import { readSequence, sequenceKey, textKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'

/** Place of the time in a stored run, in bytes. */
const timeAt = 24
/** A stored run of format 1 ends here; then comes a checksum. */
export const runBytes = 32

/** Whether a key of this time, in milliseconds since 1970, is forgotten. */
export type IsOld = (time: number) => boolean

/** The positions of one append: `count` sequences from `first`. */
export interface SequenceRun {
  readonly first: number
  readonly count: number
}

export interface KeyedRun extends SequenceRun {
  readonly fingerprint: number
  readonly time: number
}

/**
 * The positions this key was given, undefined for a new key.
 * @throws LogError `IDEMPOTENCY_KEY_REUSED`
 */
export function findRun(
  { keys }: Tables,
  key: string,
  asked: { readonly fingerprint: number; readonly isOld: IsOld },
): SequenceRun | undefined {
  const bytes = keys.getBinary(textKey(key))
  if (bytes === undefined) return undefined
  // Too old, but the sweep has not removed it yet.
  if (asked.isOld(bytes.readDoubleLE(timeAt))) return undefined
  if (bytes.readDoubleLE(0) !== asked.fingerprint) {
    throw new LogError(
      'IDEMPOTENCY_KEY_REUSED',
      `The idempotency key ${JSON.stringify(key)} was used for other events. Use a new key for new events.`,
    )
  }
  return { first: bytes.readDoubleLE(8), count: bytes.readDoubleLE(16) }
}

export function addRun(tables: Tables, state: LogState, entry: KeyedRun & { key: string }): void {
  const { keys, keysByAge } = tables
  const place = textKey(entry.key)
  // An entry that was too old to be found.
  const stale = keys.getBinary(place)
  if (stale !== undefined) {
    void keysByAge.remove(sequenceKey(stale.readDoubleLE(8)))
    state.keyBytes -= measureKey(place)
  }
  const bytes = Buffer.allocUnsafe(runBytes + checksumBytes)
  bytes.writeDoubleLE(entry.fingerprint, 0)
  bytes.writeDoubleLE(entry.first, 8)
  bytes.writeDoubleLE(entry.count, 16)
  bytes.writeDoubleLE(entry.time, timeAt)
  void keys.put(place, writeChecksum(bytes))
  void keysByAge.put(sequenceKey(entry.first), place)
  state.keyBytes += measureKey(place)
}

/** Forgets keys that are too old or too many; at most `max`. Returns how many. */
export function trimKeys(
  tables: Tables,
  state: LogState,
  bounds: { readonly isOld: IsOld; readonly maxBytes: number; readonly max: number },
): number {
  const { keys, keysByAge } = tables
  const bytesMax = Math.max(idempotencyBytesMin, bounds.maxBytes * idempotencyShare)
  let removed = 0
  for (;;) {
    const oldest = [...keysByAge.getRange({ limit: Math.min(32, bounds.max - removed) })]
    if (oldest.length === 0) return removed
    for (const { key, value } of oldest) {
      const place = Buffer.from(value)
      const bytes = keys.getBinary(place)
      const isOld = bytes === undefined || bounds.isOld(bytes.readDoubleLE(timeAt))
      if (!isOld && state.keyBytes <= bytesMax) return removed
      void keys.remove(place)
      void keysByAge.remove(sequenceKey(readSequence(key)))
      state.keyBytes -= measureKey(place)
      removed += 1
      if (removed === bounds.max) return removed
    }
  }
}

/**
 * Whether a key is too old by the machine's clock. The oldest key answers for all. Call it within
 * one snapshot.
 */
export function hasOldKeys({ keys, keysByAge }: Tables, now: number): boolean {
  for (const { value } of keysByAge.getRange({ limit: 1 })) {
    const bytes = keys.getBinary(Buffer.from(value))
    return bytes !== undefined && now - bytes.readDoubleLE(timeAt) > idempotencyAgeMaxMs
  }
  return false
}

/** The weight of a key in `keyBytes`. */
export function measureKey(place: { readonly length: number }): number {
  return place.length + idempotencyOverheadBytes
}
