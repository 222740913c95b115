// Epochs: the incarnations of writing that a history is made of, and their text form.
//
//   epoch  = opened random parent begin
//   opened = 8 of [0-9a-z]: when the epoch began, milliseconds since 1970, base 36
//   random = 4 of [0-9a-z]
//   parent = 3 of [0-9a-z]: a fingerprint of the epoch whose history this one goes on from
//   begin  = 1 to 11 of [0-9a-z]: the last sequence before the epoch's first record, base 36, no leading zero
//
// A log that has never heard of an epoch learns from this text where the two histories can have parted; see `lineage.ts`.

import { LogError } from './errors.ts'
import { quoteValue } from './quote.ts'

/** One incarnation of writing. */
export type Epoch = string & { readonly __brand: 'Epoch' }

export interface NewEpoch {
  /** The epoch whose history this one goes on from; undefined for the first of a log. */
  readonly parent: Epoch | undefined
  /** The head at which it begins: its first record is the one after. */
  readonly begin: number
  /** Milliseconds since 1970. */
  readonly now: number
  /** 4 bytes. Two copies of one log that are opened in the same millisecond are told apart by them alone: 36^4 = 1.7 million. */
  readonly randomBytes: Uint8Array
}

const openedLength = 8
const openedMax = 36 ** openedLength - 1
const randomLength = 4
const parentAt = openedLength + randomLength
const parentLength = 3
const beginAt = parentAt + parentLength

/** What an epoch's text looks like, for the cursor's expression as well. */
export const epochPattern: string = `[0-9a-z]{${beginAt}}(?:0|[1-9a-z][0-9a-z]{0,10})`

const epochShape = new RegExp(`^${epochPattern}$`)

/** Begins an epoch. It is younger than its parent, whatever the clock says. */
export function makeEpoch({ parent, begin, now, randomBytes }: NewEpoch): Epoch {
  const youngest = parent === undefined ? 0 : openedAtOf(parent) + 1
  const opened = Math.min(Math.max(now, youngest), openedMax)
  let text = Math.floor(opened).toString(36).padStart(openedLength, '0')
  for (let i = 0; i < randomLength; i++) text += ((randomBytes[i] ?? 0) % 36).toString(36)
  text += parent === undefined ? '0'.repeat(parentLength) : fingerprintEpoch(parent)
  return parseEpoch(text + begin.toString(36))
}

/** Checks that a stored or received text is an epoch. */
export function parseEpoch(text: string): Epoch {
  if (
    typeof text !== 'string' ||
    !epochShape.test(text) ||
    !Number.isSafeInteger(beginOf(text as Epoch))
  ) {
    throw new LogError(
      'EPOCH_INVALID',
      `An epoch is ${beginAt + 1} to ${beginAt + 11} characters of 0-9 and a-z; got ${quoteValue(text)}.`,
    )
  }
  return text as Epoch
}

/** The last sequence before the epoch's first record. */
export function beginOf(epoch: Epoch): number {
  return Number.parseInt(epoch.slice(beginAt), 36)
}

/** When the epoch began, in milliseconds since 1970 by the clock of the machine that began it. */
export function openedAtOf(epoch: Epoch): number {
  return Number.parseInt(epoch.slice(0, openedLength), 36)
}

/** Whether `epoch` says that it goes on from `parent`. Wrongly true for 1 in 36^3 = 46,656. */
export function isChildOf(epoch: Epoch, parent: Epoch): boolean {
  return epoch.slice(parentAt, beginAt) === fingerprintEpoch(parent)
}

/** FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
function fingerprintEpoch(epoch: Epoch): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < epoch.length; i++)
    hash = Math.imul(hash ^ epoch.charCodeAt(i), 0x01000193) >>> 0
  return (hash % 36 ** parentLength).toString(36).padStart(parentLength, '0')
}
