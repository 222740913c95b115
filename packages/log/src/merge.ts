// Many ordered lists read as one.

interface Head<T> {
  readonly rest: Iterator<T>
  item: T
  rank: number
}

/**
 * Yields the items of all sources in ascending order of `rank`. Each source must already be in that
 * order. Takes one item of each source to begin with, then one per item yielded: `k + n` reads and
 * `n log k` comparisons.
 */
export function* mergeByPosition<T>(
  sources: Iterable<Iterable<T>>,
  rank: (item: T) => number,
): Generator<T, void, undefined> {
  const heap: Head<T>[] = []
  for (const source of sources) {
    const rest = source[Symbol.iterator]()
    const first = rest.next()
    if (first.done !== true) heap.push({ rest, item: first.value, rank: rank(first.value) })
  }
  try {
    for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(heap, i)
    for (let head = heap[0]; head !== undefined; head = heap[0]) {
      yield head.item
      const following = head.rest.next()
      if (following.done === true) {
        const last = heap.pop()
        if (last !== undefined && last !== head) heap[0] = last
      } else {
        head.item = following.value
        head.rank = rank(following.value)
      }
      sink(heap, 0)
    }
  } finally {
    // A reader that stops early lets every source go: an LMDB range holds a cursor.
    for (const { rest } of heap) rest.return?.()
  }
}

/** Moves the head at `index` down until no head below it ranks before it. */
function sink<T>(heap: Head<T>[], index: number): void {
  const moving = heap[index]
  if (moving === undefined) return
  for (;;) {
    let child = 2 * index + 1
    let smallest = heap[child]
    const right = heap[child + 1]
    if (smallest !== undefined && right !== undefined && right.rank < smallest.rank) {
      child += 1
      smallest = right
    }
    if (smallest === undefined || smallest.rank >= moving.rank) break
    heap[index] = smallest
    index = child
  }
  heap[index] = moving
}
