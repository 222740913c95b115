// The condition of an append: its topic has no event behind a position.

import { LogError } from './errors.ts'
import type { NewBatch } from './event-log.ts'
import type { Extent, Lineage } from './lineage.ts'
import { formatCursor } from './position.ts'
import { quote } from './quote.ts'
import type { Topic } from './topic.ts'

/** A driver's history, as the append that asks sees it. */
export interface HeadView {
  readonly lineage: Lineage
  readonly extent: Extent
  /** A sequence that is not before the newest event the topic ever had. */
  readonly newestOf: (topic: Topic) => number
}

/**
 * Checks the condition of a batch, if it has one.
 * @throws LogError `HEAD_MOVED`
 */
export function requireHead({ events, ifHead }: NewBatch, view: HeadView): void {
  const topic = events[0]?.topic
  if (ifHead === undefined || topic === undefined) return
  const { lineage, extent, newestOf } = view
  const { after, lost } = lineage.place(ifHead, extent)
  // Of another history, or ahead: nobody can say what its owner has seen of the topic.
  const newest = newestOf(topic)
  if (lost === undefined && newest <= after) return
  const found =
    lost === undefined
      ? `the topic moved on, to ${formatCursor(lineage.positionAt(newest))}`
      : 'that is no place of this history'
  throw new LogError(
    'HEAD_MOVED',
    `Nothing was added to ${quote(topic)}: it was to have no event behind ${formatCursor(ifHead)}, and ${found}. Read it again, and decide anew.`,
  )
}
