// One product of limits: several things at once, each within its own limit.

/** Looks a limit up by `room.name`. */
export type Look = (name: string) => number

/** Where a test fills a product. */
interface FilledBy {
  readonly file: string
  /** The test's name as it stands in the file. */
  readonly name: string
}

/** Limits that are multiplied by each other, with the most that all of it together may take. */
export interface Product {
  readonly what: string
  /** Limits that take part, by `room.name` or `room.name.part`. */
  readonly limits: readonly string[]
  /**
   * Bytes if each factor were at its limit and nothing else bounded them; undefined where the bound is
   * the product.
   */
  readonly factors?: ((look: Look) => number) | undefined
  /** Bytes that are really held at worst, with the defaults. */
  readonly worstCase: (look: Look) => number
  readonly boundedBy: string
  /** Undefined only where nothing can be held: what is not served here. */
  readonly filledBy: FilledBy
}

export const KiB = 1024
export const MiB: number = 1024 * 1024
