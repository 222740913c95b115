// Several observers of one node.

import type { NodeObserver } from '@tidemark/server'

/** One observer that tells the others of sessions; undefined for none. */
export function joinObservers(
  observers: readonly (NodeObserver | undefined)[],
): NodeObserver | undefined {
  const there = observers.filter((observer) => observer !== undefined)
  const [only] = there
  if (there.length < 2) return only
  return {
    opened(event) {
      for (const observer of there) observer.opened?.(event)
    },
    closed(event) {
      for (const observer of there) observer.closed?.(event)
    },
  }
}
