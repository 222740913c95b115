// Randomness that one number reproduces.

/** Numbers that depend on the seed alone. */
export interface SeededRandom {
  /** At least 0, below 1. */
  readonly next: () => number
  /** A whole number from 0 to `max`, both included. */
  int(max: number): number
  pick<T>(list: readonly T[]): T
  /** A new list with the same items in another order. */
  shuffle<T>(list: readonly T[]): T[]
}

/** A counter through a mixing function: every seed gives another sequence, also neighbouring ones. */
export function createRandom(seed: number): SeededRandom {
  let counter = Math.imul(seed | 0, 0x9e3779b1)
  const next = (): number => {
    counter = (counter + 0x9e3779b9) | 0
    let mixed = Math.imul(counter ^ (counter >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
  const int = (max: number): number => Math.floor(next() * (max + 1))
  return {
    next,
    int,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new RangeError('There is nothing to pick from in an empty list.')
      return list[int(list.length - 1)] as T
    },
    shuffle<T>(list: readonly T[]): T[] {
      const shuffled = [...list]
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = int(i)
        ;[shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T]
      }
      return shuffled
    },
  }
}
