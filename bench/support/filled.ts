// The report of a filling on a product of limits.

/** Bytes that were measured, and those that are allowed. */
export interface Filled {
  readonly bytes: number
  /** The bytes that the code lets it be, for as much as was filled. */
  readonly allowed: number
}

/** Bytes of the heap and outside of it that are held after a collection. */
export function collect(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
