// Whether a page may act with the cookies of its visitor.

import type { RequestFacts } from '@tidemark/server'
import { quote } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'

/** Whether pages of an origin may act in the name of their visitors. */
export type AllowsOrigin = (origin: string) => boolean

/** Methods that change nothing (RFC 9110 §9.2.1). */
const safeMethods = ['GET', 'HEAD', 'OPTIONS']

/**
 * Refuses a request that brings a cookie, where a page of another origin may have sent it. A browser adds the
 * cookies of its visitor to the requests of every page. A request that changes something has to say where it
 * comes from; browsers do.
 * @throws AccessError `CROSS_SITE`
 */
export function requireOwnOrigin(request: RequestFacts, allows: AllowsOrigin): void {
  const origin = request.header('origin')
  const site = request.header('sec-fetch-site')
  if (origin !== undefined && origin !== 'null' && allows(origin)) return
  const isSafe = safeMethods.includes(request.method)
  if (isOwn({ origin, site, host: readHost(request) }) ?? isSafe) return
  throw new AccessError(
    'CROSS_SITE',
    `A request with a cookie comes from a page of this origin or of an allowed one; got the origin ${quote(origin ?? 'none')}. Send the token as Authorization: Bearer, or allow the origin.`,
  )
}

/** Undefined: the request does not say. */
function isOwn(said: {
  readonly origin: string | undefined
  readonly site: string | undefined
  readonly host: string | undefined
}): boolean | undefined {
  // https://www.w3.org/TR/fetch-metadata/: no page can change it.
  if (said.site !== undefined) return said.site === 'same-origin' || said.site === 'none'
  if (said.origin === undefined) return undefined
  return isSameHost(said.origin, said.host)
}

function isSameHost(origin: string, host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(origin)) return false
  const { protocol, host: asking } = new URL(origin)
  // Others have no host, or one that is no name of a server: `file://`, `capacitor://localhost`.
  if (!/^https?:$/.test(protocol)) return false
  // Parsed with the same scheme, so that its default port is left out of both.
  const own = `${protocol}//${host}`
  return URL.canParse(own) && new URL(own).host === asking
}

/** In HTTP/2 the name is `:authority`. */
function readHost(request: RequestFacts): string | undefined {
  return request.header(':authority') ?? request.header('host')
}

/**
 * Whether a request came over plain HTTP to a loopback name, as far as it shows. A proxy in front that speaks
 * HTTPS leaves its mark.
 */
export function isPlainLoopback(request: RequestFacts): boolean {
  const isForwarded = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-proto'].some(
    (name) => request.header(name) !== undefined,
  )
  return !isForwarded && isLoopbackUrl(`http://${readHost(request) ?? ''}`)
}

/** Whether the page that sent a request, if it was one, came over HTTPS. */
export function comesFromHttps(request: RequestFacts): boolean {
  return request.header('origin')?.startsWith('https:') ?? false
}

function isLoopbackUrl(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { hostname } = new URL(url)
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127(?:\.\d{1,3}){3}$/.test(hostname)
  )
}
