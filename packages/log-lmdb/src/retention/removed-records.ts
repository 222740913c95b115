// Records that retention has removed for readers, kept a little longer for the tails of other
// processes.
//
// Without them a topic that keeps few events would overtake, with each burst, every tail that
// another process moves on. A value is one byte and the record as it was stored. The byte says
// whether the record is lost or superseded.

import { removedKeptMs, removedShare } from '../limits.ts'
import type { LogState } from '../tables/log-state.ts'
import { decodeHead } from '../tables/record-codec.ts'
import { asBuffer, readSequence, sequenceKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'

/** Why a record goes: by a bound, which is a loss; for a newer value of its key, or at its own end. */
export type Removal = 'trimmed' | 'superseded'

const flags = { superseded: Buffer.of(0), trimmed: Buffer.of(1) } as const

/** Keeps a removed record for tails if it is young, else tells them that it is gone. */
export function keepForTails(
  { removed }: Tables,
  state: LogState,
  gone: {
    readonly sequence: number
    readonly record: Buffer
    readonly removal: Removal
    readonly now: number
  },
): void {
  const { time, weight } = decodeHead(gone.record)
  if (time <= gone.now - removedKeptMs) {
    dropForTails(state, gone)
    return
  }
  void removed.put(sequenceKey(gone.sequence), Buffer.concat([flags[gone.removal], gone.record]))
  state.removedBytes += weight
}

/** A record that tails are not handed any more. */
export function dropForTails(
  state: LogState,
  { sequence, removal }: { readonly sequence: number; readonly removal: Removal },
): void {
  if (removal === 'trimmed') state.tailMark = Math.max(state.tailMark, sequence)
}

/** Whether {@link trimRemoved} has something to do. */
export function isRemovedDue({ removed }: Tables, state: LogState, now: number): boolean {
  if (state.removedBytes === 0) return false
  for (const { value } of removed.getRange({ limit: 1 })) {
    return decodeHead(recordOf(value)).time <= now - removedKeptMs
  }
  return false
}

/** Drops what is old or too much, the oldest first; at most `max`. Returns how many. */
export function trimRemoved(
  { removed }: Tables,
  state: LogState,
  bounds: { readonly now: number; readonly maxBytes: number; readonly max: number },
): number {
  const bytesMax = bounds.maxBytes * removedShare
  let count = 0
  while (state.removedBytes > 0 && count < bounds.max) {
    const oldest = [...removed.getRange({ limit: Math.min(64, bounds.max - count) })]
    if (oldest.length === 0) return count
    for (const { key, value } of oldest) {
      const { time, weight } = decodeHead(recordOf(value))
      if (state.removedBytes <= bytesMax && time > bounds.now - removedKeptMs) return count
      const sequence = readSequence(key)
      void removed.remove(sequenceKey(sequence))
      state.removedBytes -= weight
      dropForTails(state, { sequence, removal: value[0] === 1 ? 'trimmed' : 'superseded' })
      count += 1
    }
  }
  return count
}

/** The record in a value. */
export function recordOf(value: Uint8Array): Buffer {
  return asBuffer(value).subarray(1)
}
