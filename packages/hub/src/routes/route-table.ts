// Rows of method, path and route, and which of them a request goes to.

import { ServerError } from '@tidemark/server'
import { quote } from '@tidemark/wire/values'
import { HubError } from '../errors.ts'
import { checkPath, hasParts, matchPath } from './match-path.ts'
import type { PathParts } from './match-path.ts'
import type { Route } from './route.ts'

/**
 * Whether a web page of an origin that is not in `cors.origins` may ask for something: yes, only without
 * credentials, or no.
 */
type CrossSite = 'allowed' | 'anonymous' | 'refused'

/** One thing that the hub answers. */
export interface RouteRow {
  readonly method: 'DELETE' | 'GET' | 'HEAD' | 'OPTIONS' | 'PATCH' | 'POST' | 'PUT'
  /**
   * `/sessions/{id}` leaves a segment open, `/topics/{topic}` and `/admin/{rest}` all that follows, as
   * `/topics/{topic}/keys/{key}` all before its end. A path without parts goes first.
   */
  readonly path: string
  readonly route: Route
  readonly crossSite: CrossSite
  /** The permission that the sender of a request must have; undefined: the route asks by itself. */
  readonly permission?: string
}

/** Where a request goes. One that goes nowhere has a route as well, which throws why. */
export interface FoundRoute {
  readonly route: Route
  readonly parts: PathParts
  readonly crossSite: CrossSite
  readonly permission?: string | undefined
}

/**
 * Methods that change nothing (RFC 9110 §9.2.1). Without a row of their own they are judged like the
 * GET of their path.
 */
const safeMethods = ['GET', 'HEAD', 'OPTIONS']

type Methods = ReadonlyMap<string, RouteRow>

/** A path that a request fits, whatever its method. */
interface FoundPath {
  readonly methods: Methods
  readonly parts: PathParts
}

/** The routes of a hub. */
export class RouteTable {
  readonly #whole = new Map<string, Map<string, RouteRow>>()
  readonly #open = new Map<string, Map<string, RouteRow>>()

  constructor(rows: readonly RouteRow[]) {
    for (const row of rows) {
      checkPath(row.path)
      checkAdmin(row)
      const paths = hasParts(row.path) ? this.#open : this.#whole
      const methods = paths.get(row.path) ?? new Map<string, RouteRow>()
      if (methods.has(row.method)) throw new Error(`${row.method} ${row.path} has two rows.`)
      paths.set(row.path, methods.set(row.method, row))
    }
  }

  /** Finds the row of a request; of paths that leave parts open the first that fits and takes its method. */
  find(method: string, path: string): FoundRoute {
    const fits = this.#findPaths(path)
    for (const { methods, parts } of fits) {
      // Without a row of its own, HEAD is answered as GET is; Node leaves the body out.
      const row = methods.get(method) ?? (method === 'HEAD' ? methods.get('GET') : undefined)
      if (row === undefined) continue
      const { route, crossSite, permission } = row
      return { route, parts, crossSite, permission }
    }
    const known = fits.map(({ methods }) => methods)
    const fault = fits.length === 0 ? describeMissing(path) : describeMethods(method, path, known)
    const judged = known.map((methods) => methods.get('GET')).find((row) => row !== undefined)
    return {
      route: () => Promise.reject(fault),
      parts: fits[0]?.parts ?? {},
      crossSite: safeMethods.includes(method) ? (judged?.crossSite ?? 'allowed') : 'refused',
    }
  }

  #findPaths(path: string): readonly FoundPath[] {
    const methods = this.#whole.get(path)
    if (methods !== undefined) return [{ methods, parts: {} }]
    const fits: FoundPath[] = []
    for (const [pattern, open] of this.#open) {
      const parts = matchPath(pattern, path)
      if (parts !== undefined) fits.push({ methods: open, parts })
    }
    return fits
  }
}

/** A row that forgets its permission would be for everybody. */
function checkAdmin({ method, path, crossSite, permission }: RouteRow): void {
  if (!path.startsWith('/admin/')) return
  if (permission === 'admin' && crossSite === 'refused') return
  throw new Error(`${method} ${path} needs the permission admin, and refuses other sites.`)
}

function describeMissing(path: string): HubError {
  return new HubError(
    'NOT_FOUND',
    `There is nothing at ${quote(path)}. Subscribe at /events, publish at /topics/{topic}.`,
  )
}

/** For `Allow`: each once, and HEAD with GET. */
export function listMethods(methods: Iterable<string>): string {
  const all = [...methods].flatMap((known) => (known === 'GET' ? ['GET', 'HEAD'] : [known]))
  return [...new Set(all)].join(', ')
}

function describeMethods(method: string, path: string, known: readonly Methods[]): ServerError {
  const allow = listMethods(known.flatMap((methods) => [...methods.keys()]))
  return new ServerError(
    'METHOD_NOT_ALLOWED',
    `${quote(path)} takes ${allow}; got ${quote(method)}.`,
    { headers: { Allow: allow } },
  )
}
