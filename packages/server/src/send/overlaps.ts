// Whether two names, topics or patterns, have a topic in common.

/** Whether some topic is matched by both. */
export function overlaps(a: string, b: string): boolean {
  return overlap(a, b) !== undefined
}

/**
 * The name of the topics that are matched by both; undefined: there are none. The hub's own `$…` are reached
 * by no wildcard in the first segment.
 */
export function overlap(a: string, b: string): string | undefined {
  const [one, other] = [a.split('/'), b.split('/')]
  const common: string[] = []
  for (let at = 0; ; at++) {
    const [x, y] = [one[at], other[at]]
    if (x === undefined || y === undefined) return x === y ? common.join('/') : undefined
    const isWild = x.startsWith('*') || y.startsWith('*')
    if (!isWild && x !== y) return undefined
    if (at === 0 && isWild && (x.startsWith('$') || y.startsWith('$'))) return undefined
    if (x === '**') return [...common, ...other.slice(at)].join('/')
    if (y === '**') return [...common, ...one.slice(at)].join('/')
    common.push(x === '*' ? y : x)
  }
}
