// Idempotency keys: what events each was used for and what positions they got.
//
// `keys` holds fingerprint, first sequence, count and time by key; `keysByAge` the key by its first sequence, which
// no two share and which rises with time.

import { LogError } from '@tidemark/log'
import {
  idempotencyAgeMaxMs,
  idempotencyBytesMin,
  idempotencyOverheadBytes,
  idempotencyShare,
} from '@tidemark/log/driver'
import { checksumBytes, writeChecksum } from './checksum.ts'
import type { LogState } from './log-state.ts'
import { readSequence, sequenceKey, textKey } from './schema.ts'
import type { Tables } from './schema.ts'

/** A stored run of format 1 ends here; then comes a checksum. */
export const runBytes = 32

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
  asked: { readonly fingerprint: number; readonly now: number },
): SequenceRun | undefined {
  const bytes = keys.getBinary(textKey(key))
  if (bytes === undefined) return undefined
  const time = bytes.readDoubleLE(24)
  // The sweep has not come to it yet.
  if (asked.now - time > idempotencyAgeMaxMs) return undefined
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
  bytes.writeDoubleLE(entry.time, 24)
  void keys.put(place, writeChecksum(bytes))
  void keysByAge.put(sequenceKey(entry.first), place)
  state.keyBytes += measureKey(place)
}

/** Forgets keys that are too old or too many; at most `max`. Returns how many. */
export function trimKeys(
  tables: Tables,
  state: LogState,
  bounds: { readonly now: number; readonly maxBytes: number; readonly max: number },
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
      const isOld = bytes === undefined || bounds.now - bytes.readDoubleLE(24) > idempotencyAgeMaxMs
      if (!isOld && state.keyBytes <= bytesMax) return removed
      void keys.remove(place)
      void keysByAge.remove(sequenceKey(readSequence(key)))
      state.keyBytes -= measureKey(place)
      removed += 1
      if (removed === bounds.max) return removed
    }
  }
}

/** What a key counts in `keyBytes`. */
export function measureKey(place: { readonly length: number }): number {
  return place.length + idempotencyOverheadBytes
}
