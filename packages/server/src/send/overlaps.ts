// Whether two names, topics or patterns, have a topic in common.

/**
 * Whether some topic is matched by both. The hub's own `$…` are reached by no wildcard in the first
 * segment.
 */
export function overlaps(a: string, b: string): boolean {
  const [one, other] = [a.split('/'), b.split('/')]
  for (let at = 0; ; at++) {
    const [x, y] = [one[at], other[at]]
    if (x === undefined || y === undefined) return x === y
    const isWild = x.startsWith('*') || y.startsWith('*')
    if (!isWild && x !== y) return false
    if (at === 0 && isWild && (x.startsWith('$') || y.startsWith('$'))) return false
    if (x === '**' || y === '**') return true
  }
}
