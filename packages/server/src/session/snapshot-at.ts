// Where a snapshot of keyed topics stands, as a cursor says it.

import type { AddedAt } from './added-topics.ts'

/** The same as of added topics; which ones they are, the rules of the moment say. */
export type SnapshotAt = Omit<AddedAt, 'topics'>

/** One that has not begun, of all topics of its stream. */
export const newSnapshot: SnapshotAt = { covered: undefined, coveredKey: undefined, at: undefined }
