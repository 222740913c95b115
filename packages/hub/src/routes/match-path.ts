// Paths of routes with parts that a request fills in: `/sessions/{id}`, `/topics/{topic}`, `/admin/{rest}`.

/** The parts of a path where its route leaves something open, still percent-encoded. */
export type PathParts = Readonly<Record<string, string>>

/**
 * Parts that take all that is left of a path, slashes too, and nothing as well. Topics have slashes,
 * and a route below a prefix looks at the rest by itself. Every other part is one segment that is not
 * empty.
 */
const restNames = ['topic', 'rest']

const partShape = /^\{([a-z]+)\}$/i

/**
 * Refuses the path of a row that could never match as it reads: `/sessions/{id`, or what stands behind
 * a part that takes all.
 */
export function checkPath(pattern: string): void {
  const segments = pattern.split('/').slice(1)
  for (const [i, segment] of segments.entries()) {
    const name = partShape.exec(segment)?.[1]
    const isMalformed = name === undefined && /[{}]/.test(segment)
    const isBehindAll = name !== undefined && restNames.includes(name) && i < segments.length - 1
    if (isMalformed || isBehindAll) throw new Error(`No request can reach ${pattern}: ${segment}.`)
  }
}

/** Whether a route's path leaves a part open. */
export function hasParts(pattern: string): boolean {
  return pattern.includes('{')
}

/** The parts of `path` where it is one of `pattern`; else undefined. */
export function matchPath(pattern: string, path: string): PathParts | undefined {
  const parts: Record<string, string> = {}
  let at = 0
  for (const wanted of pattern.split('/').slice(1)) {
    // Behind the segment before ends the path.
    if (path[at] !== '/') return undefined
    const start = at + 1
    const name = partShape.exec(wanted)?.[1]
    if (name !== undefined && restNames.includes(name)) {
      parts[name] = path.slice(start)
      return parts
    }
    const slash = path.indexOf('/', start)
    at = slash === -1 ? path.length : slash
    const segment = path.slice(start, at)
    if (name === undefined ? segment !== wanted : segment === '') return undefined
    if (name !== undefined) parts[name] = segment
  }
  return at === path.length ? parts : undefined
}
