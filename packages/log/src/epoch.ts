// Epochs: the incarnations of writing that a history is made of, and their text form.
//
//   epoch  = opened random copy
//   opened = 8 of [0-9a-z]: when the epoch began, milliseconds since 1970, base 36
//   random = 4 of [0-9a-z]
//   copy   = tag base fork: which copy of the data the epoch was written in
//   tag    = 3 of [0-9a-z]: random, tells copies apart that were made at one place
//   base   = 3 of [0-9a-z]: a fingerprint of the copy that this one was made of; 000 where there is none
//   fork   = 1 to 11 of [0-9a-z]: the last sequence the copy was made with, base 36, no leading zero
//
// All epochs of one copy name it alike, however often the copy is opened. So a log that has never
// heard of an epoch learns from the text where the two histories part; see `lineage.ts`.

import { LogError } from './errors.ts'
import { quoteValue } from './quote.ts'

/** One incarnation of writing. */
export type Epoch = string & { readonly __brand: 'Epoch' }

/** One copy of a log's data, as the end of an epoch's text names it. */
export type CopyName = string & { readonly __brand: 'CopyName' }

export interface NewEpoch {
  /** The copy it is written in; see {@link makeCopyName}. */
  readonly copy: CopyName
  /**
   * The epoch before it; the new one counts as younger, whatever the clock says. Undefined for the
   * first epoch of a log.
   */
  readonly after: Epoch | undefined
  /** Milliseconds since 1970. */
  readonly now: number
  /**
   * 4 bytes. They tell two openers apart that begin in one millisecond, each as if alone: 36^4 =
   * 1.7 million.
   */
  readonly randomBytes: Uint8Array
}

export interface NewCopy {
  /** The copy in which its newest record was written; undefined for a log that continues no other. */
  readonly base: CopyName | undefined
  /** The newest sequence it was made with. */
  readonly fork: number
  /** 3 bytes. */
  readonly randomBytes: Uint8Array
}

const openedLength = 8
const openedMax = 36 ** openedLength - 1
const randomLength = 4
const tagAt = openedLength + randomLength
const tagLength = 3
const baseAt = tagAt + tagLength
const baseLength = 3
const forkAt = baseAt + baseLength
const noBase = '0'.repeat(baseLength)

/** The shape of an epoch's text, also for the cursor's expression. */
export const epochPattern: string = `[0-9a-z]{${forkAt}}(?:0|[1-9a-z][0-9a-z]{0,10})`

const epochShape = new RegExp(`^${epochPattern}$`)

/** Begins an epoch. */
export function makeEpoch({ copy, after, now, randomBytes }: NewEpoch): Epoch {
  const youngest = after === undefined ? 0 : openedAtOf(after) + 1
  const opened = Math.min(Math.max(now, youngest), openedMax)
  const text = Math.floor(opened).toString(36).padStart(openedLength, '0')
  return parseEpoch(text + toDigits(randomBytes, randomLength) + copy)
}

/** The first epoch of a log that goes on from no other. */
export function makeFirstEpoch({
  now,
  randomBytes,
}: {
  readonly now: number
  readonly randomBytes: (count: number) => Uint8Array
}): Epoch {
  const copy = makeCopyName({ base: undefined, fork: 0, randomBytes: randomBytes(3) })
  return makeEpoch({ copy, after: undefined, now, randomBytes: randomBytes(4) })
}

/** Names a copy of the data in which nobody has written yet. */
export function makeCopyName({ base, fork, randomBytes }: NewCopy): CopyName {
  const from = base === undefined ? noBase : fingerprintCopy(base)
  return (toDigits(randomBytes, tagLength) + from + fork.toString(36)) as CopyName
}

/** Checks that a stored or received text is an epoch. */
export function parseEpoch(text: string): Epoch {
  if (isEpoch(text)) return text
  throw new LogError(
    'EPOCH_INVALID',
    `An epoch is ${forkAt + 1} to ${forkAt + 11} characters of 0-9 and a-z; got ${quoteValue(text)}.`,
  )
}

/** Whether a text has the shape of an epoch. */
export function isEpoch(text: unknown): text is Epoch {
  if (typeof text !== 'string' || !epochShape.test(text)) return false
  return Number.isSafeInteger(forkOf(copyOf(text as Epoch)))
}

/** When the epoch began, in milliseconds since 1970 by the clock of the machine that began it. */
export function openedAtOf(epoch: Epoch): number {
  return Number.parseInt(epoch.slice(0, openedLength), 36)
}

/** The copy of the data in which an epoch was written. */
export function copyOf(epoch: Epoch): CopyName {
  return epoch.slice(tagAt) as CopyName
}

/** The newest sequence that a copy was made with. */
export function forkOf(copy: CopyName): number {
  return Number.parseInt(copy.slice(forkAt - tagAt), 36)
}

/** Whether `copy` says that it was made of `other`. Wrongly true for 1 in 36^3 = 46,656. */
export function isMadeOf(copy: CopyName, other: CopyName): boolean {
  const base = copy.slice(baseAt - tagAt, forkAt - tagAt)
  return base !== noBase && base === fingerprintCopy(other)
}

function toDigits(bytes: Uint8Array, count: number): string {
  let text = ''
  for (let i = 0; i < count; i++) text += ((bytes[i] ?? 0) % 36).toString(36)
  return text
}

/** FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
function fingerprintCopy(copy: CopyName): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < copy.length; i++)
    hash = Math.imul(hash ^ copy.charCodeAt(i), 0x01000193) >>> 0
  return (hash % 36 ** baseLength).toString(36).padStart(baseLength, '0')
}
