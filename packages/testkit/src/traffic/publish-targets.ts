// Where publishers send to: one of several places, each told when a request has left for it.

import type { SeededRandom } from '../seeded-random.ts'

/** A place that takes publishes, by the hub's HTTP surface. */
export interface PublishTarget {
  /** Without a slash at its end. */
  readonly url: string
  /** Called when a request has left for it. */
  noteSend(): void
}

/** All of them. */
export interface PublishTargets {
  pick(random: SeededRandom): PublishTarget
}
