// Lets everything that is due happen: promises, and what the memory log hands to its tails.

/** Turns of the event loop, each with all its microtasks. */
export async function settle(turns: number = 1): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}
