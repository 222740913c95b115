// Which epoch wrote which stretch of a history, and where a cursor stands in it.
//
//   history   1 ──────── 100 ────────── 250 ──── head
//   lineage   └─ epoch A ─┘└── epoch B ──┘└─ epoch C
//
// A log is copied, restored, or fails over to a copy that was behind: then two histories hand out the same sequences for
// other records. Their epochs differ from the point on where they parted, because each begins a new one when it is opened.

import { beginOf, isChildOf, makeEpoch, openedAtOf } from './epoch.ts'
import type { Epoch } from './epoch.ts'
import { lineageEpochsMax } from './limits.ts'
import { epochOf, makePosition, sequenceOf } from './position.ts'
import type { Position } from './position.ts'

/** What there is of a history: `first` is just before the oldest retained record. */
export interface Extent {
  readonly first: number
  readonly head: number
}

/** Where a position stands in a history. */
export interface Place {
  /** What the history holds after this sequence is what the owner of the position has not seen of it. */
  readonly after: number
  /**
   * Absent where the position is exact. `epoch`: another history wrote it, or wrote on where this one ends its epoch.
   * `ahead`: it lies beyond the newest record.
   */
  readonly lost?: 'epoch' | 'ahead'
}

export interface Opening {
  readonly head: number
  /** Milliseconds since 1970. */
  readonly now: number
  readonly randomBytes: (count: number) => Uint8Array
  /** Records behind the head may have been delivered and lost: positions up to here are not exact. Default false. */
  readonly isUnsure?: boolean | undefined
}

/** The epochs of one history, unchanging. An epoch ends where the next one begins. */
export class Lineage {
  /** Oldest first; the last one is being written. Never empty, and the oldest begins at 0. */
  readonly epochs: readonly Epoch[]
  /** Records behind this sequence may have been lost with the machine, unknown which; 0 for none. */
  readonly unsureTo: number
  readonly #current: Epoch
  readonly #begin: number

  /**
   * @param epochs as {@link epochs}
   * @param unsureTo as {@link unsureTo}
   */
  constructor(epochs: readonly Epoch[], unsureTo = 0) {
    const current = epochs.at(-1)
    if (current === undefined) throw new RangeError('A lineage has at least one epoch.')
    this.epochs = epochs
    this.unsureTo = unsureTo
    this.#current = current
    this.#begin = beginOf(current)
  }

  /** The lineage of a history about which nothing is known but its head: cursors of it are of another history. */
  static found({ now, randomBytes }: Omit<Opening, 'head'>): Lineage {
    return new Lineage([
      makeEpoch({ parent: undefined, begin: 0, now, randomBytes: randomBytes(4) }),
    ])
  }

  /** The lineage once a new epoch has begun at the head. An epoch that wrote nothing leaves no trace: no cursor names it. */
  open({ head, now, randomBytes, isUnsure = false }: Opening): Lineage {
    const written = this.epochs.filter(
      (epoch, i) => i === 0 || beginOf(epoch) < this.#endOf(i, head),
    )
    const kept = written.length < lineageEpochsMax ? written : fold(written, { now, randomBytes })
    const next = makeEpoch({ parent: kept.at(-1), begin: head, now, randomBytes: randomBytes(4) })
    return new Lineage([...kept, next], isUnsure ? head : this.unsureTo)
  }

  /**
   * The name of a place in this history: the epoch that wrote the record there, and its sequence. One place has one name, for
   * as long as the lineage remembers the epoch.
   */
  positionAt(sequence: number): Position {
    if (sequence > this.#begin) return makePosition(this.#current, sequence)
    let i = this.epochs.length - 1
    while (i > 0 && beginOf(this.epochs[i] ?? this.#current) >= sequence) i -= 1
    return makePosition(this.epochs[i] ?? this.#current, sequence)
  }

  /** Where any position, of this history or another, stands in this one. */
  place(position: Position, extent: Extent): Place {
    const epoch = epochOf(position)
    const sequence = sequenceOf(position)
    const { head } = extent
    const index = epoch === this.#current ? this.epochs.length - 1 : this.epochs.indexOf(epoch)
    if (index < 0) return { after: this.#findParting(epoch, extent), lost: 'epoch' }
    const end = this.#endOf(index, head)
    if (sequence <= end && !this.#isUnsure(sequence)) return { after: sequence }
    if (sequence <= end) return { after: sequence, lost: 'epoch' }
    return { after: end, lost: epoch === this.#current ? 'ahead' : 'epoch' }
  }

  /**
   * Where the history of an unknown epoch can have parted from this one.
   *
   * - It goes on from an epoch of this history: where it began, or where this history left that epoch.
   * - Otherwise its own parent is unknown too. The two parted in the youngest epoch of this history that is older than the
   *   unknown one and had not passed its beginning. If this history left that epoch before the unknown one began, they parted
   *   where it left; a restored backup is this case, however often the lost history had been restarted since. Else
   *   nothing closer is known than the beginning of that epoch.
   */
  #findParting(unknown: Epoch, { first, head }: Extent): number {
    const begin = beginOf(unknown)
    const opened = openedAtOf(unknown)
    let youngest = -1
    for (const [i, epoch] of this.epochs.entries()) {
      if (beginOf(epoch) > begin) break
      if (openedAtOf(epoch) <= opened) youngest = i
    }
    for (let i = this.epochs.length - 1; i >= 0; i--) {
      const epoch = this.epochs[i] ?? this.#current
      if (beginOf(epoch) <= begin && isChildOf(unknown, epoch))
        return Math.min(begin, this.#endOf(i, head))
    }
    const epoch = this.epochs[youngest]
    if (epoch === undefined) return first
    const end = this.#endOf(youngest, head)
    return epoch !== this.#current && end < begin ? end : beginOf(epoch)
  }

  #isUnsure(sequence: number): boolean {
    return this.unsureTo > 0 && sequence <= this.unsureTo
  }

  #endOf(index: number, head: number): number {
    const next = this.epochs[index + 1]
    return next === undefined ? head : beginOf(next)
  }
}

/** Half of the epochs become one that nobody has heard of, so that no cursor of theirs is taken for another place. */
function fold(epochs: readonly Epoch[], opening: Omit<Opening, 'head'>): readonly Epoch[] {
  const { now, randomBytes } = opening
  const before = makeEpoch({ parent: undefined, begin: 0, now, randomBytes: randomBytes(4) })
  return [before, ...epochs.slice(Math.ceil(epochs.length / 2))]
}
