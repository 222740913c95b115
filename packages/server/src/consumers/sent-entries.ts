// Entries that are on their way to the log, and what the ledger has got for their consumers meanwhile.
//
// Another node's reset may enter the log before an older place that is under way. The place comes behind it
// then, and would undo it.

import { comparePositions } from '@tidemark/log'
import type { ConsumerEntry } from './consumer-entry.ts'

/** An entry, or none: a deletion. */
type Value = ConsumerEntry | undefined

interface Sent {
  readonly mine: Value
  /** The newest value that somebody else has written since. */
  newer?: { readonly value: Value }
}

export class SentEntries {
  readonly #sent = new Map<string, Sent>()

  get size(): number {
    return this.#sent.size
  }

  send(key: string, mine: Value): void {
    this.#sent.set(key, { mine })
  }

  /** The ledger has got another value. */
  change(key: string, value: Value): void {
    const sent = this.#sent.get(key)
    if (sent !== undefined && !isSame(value, sent.mine)) sent.newer = { value }
  }

  /** All that was sent is in the ledger: takes the values that it has undone. */
  takeUndone(find: (key: string) => Value): readonly (readonly [string, Value])[] {
    const undone: [string, Value][] = []
    for (const [key, { mine, newer }] of this.#sent)
      if (newer !== undefined && isSame(find(key), mine)) undone.push([key, newer.value])
    this.#sent.clear()
    for (const [key, value] of undone) this.send(key, value)
    return undone
  }
}

function isSame(one: Value, other: Value): boolean {
  if (one === undefined || other === undefined) return one === other
  const isOfOne = one.session === other.session && one.turn === other.turn
  return (
    isOfOne && one.seenAt === other.seenAt && comparePositions(one.position, other.position) === 0
  )
}
