// "Did you mean …?": the known name with the fewest typing errors in between.

/**
 * The name nearest to `name` by edit distance. Undefined when none is within a third of its length,
 * or within 2 for a short one.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (typeof name !== 'string') return undefined
  // Names are short. A longer text is no typing error, and the comparison costs length × length.
  if (name.length > 64) return undefined
  let nearest: string | undefined
  let fewest = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance = countEdits(name.toLowerCase(), candidate.toLowerCase())
    if (distance < fewest) {
      fewest = distance
      nearest = candidate
    }
  }
  return nearest
}

/** Levenshtein distance, one row at a time. */
function countEdits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
