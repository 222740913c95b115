// The part of ledgers that every driver shares: their own bounds, and the time when a record of
// theirs may be removed.

import { LogError } from './errors.ts'
import type { EventRecord, NewEvent } from './event-log.ts'
import { ledgerBytesMax, ledgerEndKeptMs, ledgerEntriesMax, ledgersMax } from './limits.ts'
import { quote } from './quote.ts'
import { measureRecord } from './record-size.ts'
import type { Topic } from './topic.ts'

/** Each topic below is a ledger; see `openLedger`. */
export const ledgerPrefix = '$hub/state/'

/** The type of a record that ends an entry. */
export const deletedType = 'deleted'

/** Types of records that put right what a claim that came too late has displaced. */
export const keptType = 'kept'
export const goneType = 'gone'

/** They pass in a full ledger too: without them one could neither be emptied nor be put right. */
const passingTypes: ReadonlySet<string | undefined> = new Set([deletedType, keptType, goneType])

/**
 * Whether a topic is a ledger. It is kept outside of `maxBytes` with the newest record per key,
 * whatever the rules of retention say.
 */
export function isLedgerTopic(topic: string): boolean {
  return topic.startsWith(ledgerPrefix)
}

/**
 * From when on the record of a ledger's entry may be removed, in milliseconds since 1970.
 * `Infinity` for an entry that does not expire. The end of an entry is kept for a minute. So only a
 * node that stood still for longer has to read the snapshot anew.
 */
export function readLedgerEnd({
  type,
  data,
  time,
}: Pick<EventRecord, 'type' | 'data' | 'time'>): number {
  if (type === deletedType) return time + ledgerEndKeptMs
  // The first line begins with the expiry; `-` is no number.
  const expiresAt = Number.parseInt(data, 10)
  return Number.isNaN(expiresAt) ? Infinity : Math.max(time, expiresAt) + ledgerEndKeptMs
}

/** A driver's ledgers, as the append that asks sees them. */
export interface LedgerRoom {
  /** Entries and bytes of a ledger; undefined for one that is new. */
  sizeOf(topic: Topic): { readonly count: number; readonly bytes: number } | undefined
  /** Bytes of the record that holds a key; undefined for a new key. */
  weightOf(topic: Topic, key: string): number | undefined
  /** Ledgers known by name. */
  countLedgers(): number
}

/**
 * Checks that the events of a batch find room in their ledgers. Events that make a ledger no larger
 * pass in a full one too. So does the deletion of an entry, and the record that puts one right.
 * @throws LogError `LEDGER_FULL`
 */
export function requireLedgerRoom(events: readonly NewEvent[], room: LedgerRoom): void {
  const growths = new Map<Topic, Growth>()
  for (const event of events) {
    const { topic, key } = event
    if (key === undefined || !isLedgerTopic(topic)) continue
    const growth = growths.get(topic) ?? { weights: new Map(), count: 0, bytes: 0 }
    growths.set(topic, growth)
    const before = growth.weights.get(key) ?? room.weightOf(topic, key)
    const weight = measureRecord(event)
    growth.weights.set(key, weight)
    if (before === undefined) growth.count += 1
    if (before === undefined || !passingTypes.has(event.type))
      growth.bytes += weight - (before ?? 0)
  }
  let fresh = 0
  for (const [topic, growth] of growths) {
    const size = room.sizeOf(topic)
    if (size === undefined) fresh += 1
    requireSize(topic, size ?? { count: 0, bytes: 0 }, growth)
  }
  if (fresh === 0) return
  const count = room.countLedgers() + fresh
  if (count <= ledgersMax) return
  throw new LogError(
    'LEDGER_FULL',
    `A log may have ${ledgersMax} ledgers; this would make ${count}. Use the keys of one that there is.`,
  )
}

interface Growth {
  readonly weights: Map<string, number>
  count: number
  bytes: number
}

function requireSize(
  topic: Topic,
  size: { readonly count: number; readonly bytes: number },
  growth: Growth,
): void {
  const count = size.count + growth.count
  const bytes = size.bytes + growth.bytes
  const isTooMany = growth.count > 0 && count > ledgerEntriesMax
  if (!isTooMany && !(growth.bytes > 0 && bytes > ledgerBytesMax)) return
  const got = isTooMany ? `${count} entries` : `${bytes} bytes`
  throw new LogError(
    'LEDGER_FULL',
    `The ledger ${quote(topic)} may hold ${ledgerEntriesMax} entries and ${ledgerBytesMax} bytes; this would make ${got}. Delete entries, or let them expire; what has ended counts for a minute or two.`,
  )
}
