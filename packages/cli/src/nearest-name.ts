// "Did you mean …?": the known name with the fewest typing errors in between.

/** The name nearest to `name`; undefined when none is within a third of its length (at least 2 edits). */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  // Names are short; whatever is longer than this is no typing error, and comparing costs length × length.
  if (name.length > 64) return undefined
  const allowed = Math.max(2, Math.floor(name.length / 3))
  const [nearest] = known
    .map((candidate) => ({ candidate, edits: countEdits(name.toLowerCase(), candidate) }))
    .filter(({ edits }) => edits <= allowed)
    .sort((a, b) => a.edits - b.edits)
  return nearest?.candidate
}

/** Levenshtein distance, one row at a time. */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < to.length; j++) {
      const replaced = (row[j] ?? 0) + (from[i] === to[j] ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
