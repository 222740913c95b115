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
  readonly method: 'DELETE' | 'GET' | 'OPTIONS' | 'PATCH' | 'POST' | 'PUT'
  /**
   * `/sessions/{id}` leaves a segment open, `/topics/{topic}` and `/admin/{rest}` all that follows. A
   * path without parts goes first.
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

  /** Finds the row of a request; of paths that leave parts open the first that fits. */
  find(method: string, path: string): FoundRoute {
    const { methods, parts } = this.#findPath(path)
    // HEAD is answered as GET is; Node leaves the body out.
    const row = methods?.get(method === 'HEAD' ? 'GET' : method)
    if (row !== undefined) {
      const { route, crossSite, permission } = row
      return { route, parts, crossSite, permission }
    }
    const fault =
      methods === undefined ? describeMissing(path) : describeMethods(method, path, methods)
    return {
      route: () => Promise.reject(fault),
      parts,
      crossSite: safeMethods.includes(method)
        ? (methods?.get('GET')?.crossSite ?? 'allowed')
        : 'refused',
    }
  }

  #findPath(path: string): { readonly methods: Methods | undefined; readonly parts: PathParts } {
    const methods = this.#whole.get(path)
    if (methods !== undefined) return { methods, parts: {} }
    for (const [pattern, open] of this.#open) {
      const parts = matchPath(pattern, path)
      if (parts !== undefined) return { methods: open, parts }
    }
    return { methods: undefined, parts: {} }
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
  return [...new Set(methods)]
    .flatMap((known) => (known === 'GET' ? ['GET', 'HEAD'] : [known]))
    .join(', ')
}

function describeMethods(method: string, path: string, methods: Methods): ServerError {
  const allow = listMethods(methods.keys())
  return new ServerError(
    'METHOD_NOT_ALLOWED',
    `${quote(path)} takes ${allow}; got ${quote(method)}.`,
    { headers: { Allow: allow } },
  )
}
