// Bytes of request bodies that are being read for subscriptions, all together.

import { ServerError } from '../errors.ts'
import { subscriptionBodiesBytesMax, subscriptionFreeBytes } from '../limits.ts'

/** The count of one body while it arrives. */
export interface HeldBody {
  /**
   * Counts bytes that have arrived.
   * @throws ServerError `FULL` when they are too many, of all bodies together
   */
  grow(bytes: number): void
  /** Nothing is held any more. */
  release(): void
}

/** Counts the bodies of a node, each beyond its first {@link subscriptionFreeBytes}. */
export class BodyBudget {
  #heldBytes = 0

  /** Bytes that all bodies count for now. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  begin(): HeldBody {
    let bytes = 0
    const recount = (to: number): number => {
      const counted = Math.max(0, to - subscriptionFreeBytes)
      this.#heldBytes += counted - Math.max(0, bytes - subscriptionFreeBytes)
      bytes = to
      return counted
    }
    return {
      grow: (more) => {
        const counted = recount(bytes + more)
        if (counted > 0 && this.#heldBytes > subscriptionBodiesBytesMax) {
          throw new ServerError(
            'FULL',
            `This node reads ${subscriptionBodiesBytesMax} bytes of large subscriptions at once, and they are in use. Try again later.`,
          )
        }
      },
      release: () => void recount(0),
    }
  }
}
