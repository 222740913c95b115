// Paths of routes with parts that a request fills in: `/sessions/{id}`, `/topics/{topic}`, `/admin/{rest}`.

/** The parts of a path where its route leaves something open, still percent-encoded. */
export type PathParts = Readonly<Record<string, string>>

/**
 * Parts that take all that is left of a path, slashes too, and nothing as well. Topics have slashes,
 * and a route below a prefix looks at the rest by itself. Segments behind such a part are those at the end
 * of a path. Every other part is one segment that is not empty.
 */
const restNames = ['topic', 'rest']

const partShape = /^\{([a-z]+)\}$/i

/** Refuses the path of a row that could never match: `/sessions/{id`, or two parts that take all. */
export function checkPath(pattern: string): void {
  const segments = pattern.split('/').slice(1)
  const malformed = segments.find(
    (segment) => nameOf(segment) === undefined && /[{}]/.test(segment),
  )
  const second = segments.filter((segment) => takesAll(segment))[1]
  const fault = malformed ?? second
  if (fault !== undefined) throw new Error(`No request can reach ${pattern}: ${fault}.`)
}

/** Whether a route's path leaves a part open. */
export function hasParts(pattern: string): boolean {
  return pattern.includes('{')
}

/** The parts of `path` where it is one of `pattern`; else undefined. */
export function matchPath(pattern: string, path: string): PathParts | undefined {
  const wanted = pattern.split('/')
  const all = wanted.findIndex((segment) => takesAll(segment))
  if (all === -1) return matchSegments(wanted, path.split('/'))
  // A path may be long: only its ends are cut into segments.
  const behind = wanted.slice(all + 1)
  const start = skipSegments(path, all)
  const end = behind.reduce((at) => path.lastIndexOf('/', at - 1), path.length)
  if (start === undefined || end < start) return undefined
  const before = matchSegments(wanted.slice(0, all), path.slice(0, start - 1).split('/'))
  const after = matchSegments(behind, behind.length === 0 ? [] : path.slice(end + 1).split('/'))
  if (before === undefined || after === undefined) return undefined
  return { ...before, [nameOf(wanted[all] ?? '') ?? '']: path.slice(start, end), ...after }
}

/** Where the segment behind the first `count` begins; undefined where the path has none. */
function skipSegments(path: string, count: number): number | undefined {
  let start = 0
  for (let i = 0; i < count; i++) {
    const slash = path.indexOf('/', start)
    if (slash === -1) return undefined
    start = slash + 1
  }
  return start
}

function matchSegments(
  wanted: readonly string[],
  segments: readonly string[],
): PathParts | undefined {
  if (segments.length !== wanted.length) return undefined
  const parts: Record<string, string> = {}
  for (const [i, segment] of segments.entries()) {
    const name = nameOf(wanted[i] ?? '')
    if (name === undefined ? segment !== wanted[i] : segment === '') return undefined
    if (name !== undefined) parts[name] = segment
  }
  return parts
}

function nameOf(segment: string): string | undefined {
  return partShape.exec(segment)?.[1]
}

function takesAll(segment: string): boolean {
  return restNames.includes(nameOf(segment) ?? '')
}
