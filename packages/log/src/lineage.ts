// Which epoch wrote which stretch of a history, and where a cursor stands in it.
//
//   history   1 ──────── 100 ────────── 250 ──── head
//   lineage   └─ epoch A ─┘└── epoch B ──┘└─ epoch C
//
// A log may be copied or restored, or fail over to a copy that was behind. Then two histories hand
// out the same sequences for other records. Their epochs differ from the point where they parted,
// because each begins a new epoch when it is opened.

import {
  copyOf,
  forkOf,
  isMadeOf,
  makeCopyName,
  makeEpoch,
  makeFirstEpoch,
  openedAtOf,
} from './epoch.ts'
import type { CopyName, Epoch } from './epoch.ts'
import { lineageEpochsMax, renamingsMax } from './limits.ts'
import { epochOf, makePosition, sequenceOf } from './position.ts'
import type { Position } from './position.ts'

/** The extent of a history: `first` is just before the oldest retained record. */
export interface Extent {
  readonly first: number
  readonly head: number
}

/** Where a position stands in a history. */
export interface Place {
  /** The owner of the position has not seen the history's records after this sequence. */
  readonly after: number
  /**
   * Absent if the position is exact. `epoch`: another history wrote it, or continued its epoch
   * where this one ended it. Or records behind it may have been lost, or its epoch is forgotten.
   * `ahead`: it lies beyond the newest record.
   */
  readonly lost?: 'epoch' | 'ahead'
}

/** The records of one epoch; they end where the next epoch begins. */
export interface Stretch {
  readonly epoch: Epoch
  /** The last sequence before the epoch's first record. */
  readonly begin: number
}

/** A name for all records up to `to`, in the place of the epochs that wrote them. */
export interface Renaming {
  readonly epoch: Epoch
  readonly to: number
}

export interface Opening {
  readonly head: number
  /** Milliseconds since 1970. */
  readonly now: number
  readonly randomBytes: (count: number) => Uint8Array
  /**
   * The data is the very copy in which the newest epoch was written, or was put back in its place.
   * It is not a copy that can be in use beside it. Default false, which is never wrong. But if a
   * copy of this copy is lost, gaps then begin earlier than necessary.
   */
  readonly isSameCopy?: boolean | undefined
  /**
   * Delivered records may have been lost anywhere behind the head. All of the history gets new
   * names, so that no earlier cursor is exact and later ones are. Default false.
   */
  readonly isUnsure?: boolean | undefined
}

/** The epochs of one history, unchanging. */
export class Lineage {
  /** Oldest first; the last one is being written. Never empty, and the oldest begins at 0. */
  readonly stretches: readonly Stretch[]
  /** Oldest first; the last one is in force. */
  readonly renamings: readonly Renaming[]
  /** Of {@link stretches}. */
  readonly epochs: readonly Epoch[]
  readonly #current: Stretch
  readonly #renamed: Renaming | undefined

  /**
   * @param stretches as {@link stretches}
   * @param renamings as {@link renamings}
   */
  constructor(stretches: readonly Stretch[], renamings: readonly Renaming[] = []) {
    const current = stretches.at(-1)
    if (current === undefined) throw new RangeError('A lineage has at least one epoch.')
    this.stretches = stretches
    this.renamings = renamings
    this.epochs = stretches.map(({ epoch }) => epoch)
    this.#current = current
    this.#renamed = renamings.at(-1)
  }

  /**
   * The lineage of a history of which only the head is known. Its cursors belong to another
   * history.
   */
  static found(opening: Omit<Opening, 'head'>): Lineage {
    return new Lineage([{ epoch: makeFirstEpoch(opening), begin: 0 }])
  }

  /**
   * The lineage after a new epoch has begun at the head. An epoch that wrote nothing leaves no
   * trace, because no cursor names it.
   */
  open(opening: Opening): Lineage {
    const { head, now, randomBytes, isSameCopy = false, isUnsure = false } = opening
    const written = this.stretches.filter(({ begin }, i) => i === 0 || begin < this.#endOf(i, head))
    const base = copyOf(written.at(-1)?.epoch ?? this.#current.epoch)
    const fresh = makeCopyName({ base, fork: head, randomBytes: randomBytes(3) })
    // Not always `base`: an epoch that wrote nothing was of this copy all the same. If records were
    // lost, an earlier copy may still hold them. Seen from there, the data is another copy, made at
    // the head that is left.
    const copy = isSameCopy && !isUnsure ? copyOf(this.#current.epoch) : fresh
    const begin = (after: Epoch): Epoch =>
      makeEpoch({ copy, after, now, randomBytes: randomBytes(4) })
    const name = isUnsure ? begin(this.#current.epoch) : undefined
    const epoch = begin(name ?? this.#current.epoch)
    const kept = written.length < lineageEpochsMax ? written : fold(written, opening)
    const renamings =
      name === undefined ? this.renamings : [...this.renamings, { epoch: name, to: head }]
    return new Lineage([...kept, { epoch, begin: head }], renamings.slice(-renamingsMax))
  }

  /**
   * The name of a place in this history: the epoch that wrote the record there, and its sequence. A
   * place has one name, while the lineage remembers the epoch and nothing behind the place is
   * unsure.
   */
  positionAt(sequence: number): Position {
    if (sequence > this.#current.begin) return makePosition(this.#current.epoch, sequence)
    const renamed = this.#renamed
    if (renamed !== undefined && sequence <= renamed.to)
      return makePosition(renamed.epoch, sequence)
    let i = this.stretches.length - 1
    while (i > 0 && this.#stretchAt(i).begin >= sequence) i -= 1
    return makePosition(this.#stretchAt(i).epoch, sequence)
  }

  /** Finds the place of any position, of this history or another, in this one. */
  place(position: Position, extent: Extent): Place {
    const epoch = epochOf(position)
    const sequence = sequenceOf(position)
    const isCurrent = epoch === this.#current.epoch
    const index = isCurrent ? this.stretches.length - 1 : this.epochs.indexOf(epoch)
    if (index < 0) return this.#placeElsewhere(position, extent)
    const end = this.#endOf(index, extent.head)
    if (sequence > end) return { after: end, lost: isCurrent ? 'ahead' : 'epoch' }
    const isRenamed = this.#renamed !== undefined && sequence <= this.#renamed.to
    return isRenamed ? { after: sequence, lost: 'epoch' } : { after: sequence }
  }

  /** Places a position whose epoch is none of the stretches. */
  #placeElsewhere(position: Position, extent: Extent): Place {
    const epoch = epochOf(position)
    const sequence = sequenceOf(position)
    const renaming = this.renamings.find((each) => each.epoch === epoch)
    if (renaming === undefined)
      return { after: Math.min(sequence, this.#findParting(epoch, extent)), lost: 'epoch' }
    if (sequence <= renaming.to && renaming === this.#renamed) return { after: sequence }
    return { after: Math.min(sequence, renaming.to), lost: 'epoch' }
  }

  /**
   * Where the history of an unknown epoch parted from this one.
   *
   * - This history has epochs of the same copy. Epochs of one copy follow each other in time, so it
   *   left the copy where the newest of them ended that is older than the unknown one: a restored
   *   backup is this case, and a cursor of the original in a copy.
   * - It has epochs of the copy that the other one was made of. They parted where the other one was
   *   made, or where this history left that copy earlier.
   * - Else it is a copy of a copy, or another log altogether. All retained records may be unknown
   *   to it.
   */
  #findParting(unknown: Epoch, { first, head }: Extent): number {
    const copy = copyOf(unknown)
    const fork = forkOf(copy)
    const opened = openedAtOf(unknown)
    let parting: number | undefined
    let isOfCopy = false
    let base: CopyName | undefined
    for (const [i, { epoch, begin }] of this.stretches.entries()) {
      const isOlder = openedAtOf(epoch) < opened
      const each = copyOf(epoch)
      if (each === copy) {
        // A copy runs twice, and each is unknown to the other. Nothing closer is known than the
        // beginning of the current epoch.
        if (isOlder) parting = i === this.stretches.length - 1 ? begin : this.#endOf(i, head)
        else if (!isOfCopy) parting = fork
        isOfCopy = true
      } else if (!isOfCopy && isOlder && begin <= fork && isMadeOf(copy, each)) {
        // Two copies may have one fingerprint. The earlier one is never too late.
        base ??= each
        if (each === base) parting = Math.min(fork, this.#endOf(i, head))
      }
    }
    return parting ?? first
  }

  #stretchAt(index: number): Stretch {
    return this.stretches[index] ?? this.#current
  }

  #endOf(index: number, head: number): number {
    return this.stretches[index + 1]?.begin ?? head
  }
}

/**
 * Folds half of the epochs into a new one that nobody knows, so that no old cursor is taken for
 * another place.
 */
function fold(
  written: readonly Stretch[],
  { now, randomBytes }: Omit<Opening, 'head'>,
): readonly Stretch[] {
  const half = Math.ceil(written.length / 2)
  const kept = written.slice(half)
  const last = written[half - 1]?.epoch
  const fork = kept[0]?.begin ?? 0
  const base = last && copyOf(last)
  const copy = makeCopyName({ base, fork, randomBytes: randomBytes(3) })
  const epoch = makeEpoch({ copy, after: last, now, randomBytes: randomBytes(4) })
  return [{ epoch, begin: 0 }, ...kept]
}
