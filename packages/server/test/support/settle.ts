// Lets everything that is due happen: promises, and what the memory log hands to its tails.

/** One turn of the event loop, with all its microtasks. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
