// Refuses requests before anything else looks at them: heads that break HTTP, names that are not of
// this machine, and pages of other origins.

import { AccessError } from '@tidemark/access'
import { ServerError } from '@tidemark/server'
import type { NodeRequest } from '@tidemark/server/node'
import { quote } from '@tidemark/wire/values'
import { isPreflight } from './cors.ts'
import type { AllowedOrigins } from './cors.ts'
import { HubError } from './errors.ts'
import { headerBytesMax, headerFieldsMax } from './limits.ts'
import { isLoopbackName } from './loopback.ts'
import type { RequestTarget } from './request-target.ts'
import type { FoundRoute, RouteRow } from './routes/route-table.ts'

/**
 * Fields that decide what a request may and does, of which a proxy in front may have believed another
 * one. Node keeps the first of some and joins the values of others, without a word.
 */
const singleFields = [
  'authorization',
  'content-type',
  'host',
  'idempotency-key',
  'if-head',
  'origin',
  'sec-fetch-site',
]

/**
 * Refuses a request with more fields or longer ones than anybody needs, and an HTTP/1.1 request without
 * a `Host`. A field that says one thing may not come twice (RFC 9112 §3.2, RFC 9110 §5.3). Nobody here
 * can meet an `Expect` (RFC 9110 §10.1.1), and Node would hand on a transfer coding as it came (RFC
 * 9112 §6.1).
 * @throws ServerError `HEADERS_TOO_MANY`, as at the engine's own door; HubError `HEADERS_TOO_LARGE`,
 * `REQUEST_MALFORMED`, `EXPECTATION_FAILED`, `TRANSFER_ENCODING_UNSUPPORTED`
 */
export function checkHead(request: NodeRequest): void {
  const fields = request.rawHeaders.length / 2
  if (fields > headerFieldsMax) {
    throw new ServerError(
      'HEADERS_TOO_MANY',
      `A request may have ${headerFieldsMax} header fields; got ${fields}. Send fewer.`,
    )
  }
  // Over HTTP/1.1 Node's parser refuses them.
  if ('stream' in request && countBytes(request.rawHeaders) > headerBytesMax) {
    throw new HubError(
      'HEADERS_TOO_LARGE',
      `The headers of a request may have ${headerBytesMax} bytes together; got more. Send less in them, or a long list of topics in the body of POST /events.`,
    )
  }
  const { expect, 'transfer-encoding': coding } = request.headers
  if (expect !== undefined && !isContinueOnly(expect)) {
    throw new HubError(
      'EXPECTATION_FAILED',
      `Expect may be 100-continue only; got ${quote(expect)}. Leave the header out.`,
    )
  }
  const repeated = findRepeated(request.rawHeaders)
  if (repeated !== undefined) {
    throw new HubError(
      'REQUEST_MALFORMED',
      `A request gives ${repeated} once; got several. Leave one, and look for a proxy that adds another.`,
    )
  }
  // In HTTP/2 `:authority` is the name, which Node lets nobody leave out.
  if ('stream' in request) return
  if (request.httpVersion !== '1.0' && request.headers.host === undefined) {
    throw new HubError(
      'REQUEST_MALFORMED',
      'An HTTP/1.1 request has one Host header; got none. Send the name of the hub in it, once.',
    )
  }
  if (coding === undefined || coding.trim().toLowerCase() === 'chunked') return
  throw new HubError(
    'TRANSFER_ENCODING_UNSUPPORTED',
    `Transfer-Encoding may be chunked only; got ${quote(coding)}. Send the body as it is.`,
  )
}

/** As HTTP/1.1 would send them: names and values with a colon, a space and a line end. */
function countBytes(rawHeaders: readonly string[]): number {
  return rawHeaders.reduce((sum, text) => sum + text.length + 2, 0)
}

/** A list may name an expectation beside it that nobody here knows (RFC 9110 §10.1.1). */
export function isContinueOnly(expect: string): boolean {
  return expect.split(',').every((member) => member.trim().toLowerCase() === '100-continue')
}

/** Only here all fields are left, each name followed by its value. */
function findRepeated(rawHeaders: readonly string[]): string | undefined {
  const seen = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? ''
    if (!singleFields.includes(name)) continue
    if (seen.has(name)) return name
    seen.add(name)
  }
  return undefined
}

/** By which names a hub lets itself be asked. */
export type HostNames = 'any' | 'loopback'

/**
 * Refuses an authority (or `Host`) that is not among the names. A page whose own name was rebound to
 * 127.0.0.1 would otherwise count as the hub's own origin and could read everything.
 * @throws HubError `HOST_FOREIGN`
 */
export function checkHost({ authority: host = '' }: RequestTarget, names: HostNames): void {
  if (names === 'any' || isLoopbackName(nameOf(host))) return
  throw new HubError(
    'HOST_FOREIGN',
    `Without authentication the hub answers to localhost, 127.0.0.1 and [::1] only; got the host ${quote(host)}. Use one of those names.`,
  )
}

/** The rules for web pages. */
export interface PageRules {
  readonly hosts: HostNames
  readonly origins: AllowedOrigins
  /** The cookie that counts as a credential; undefined where none does. */
  readonly cookie: string | undefined
}

/** The page that a request comes from, if it is one of another origin. */
export type Asker =
  /** A page of the hub's own, or a program. */
  | { readonly kind: 'own' }
  /** A page of an origin that may ask. */
  | { readonly kind: 'allowed'; readonly origin: string }
  | { readonly kind: 'foreign'; readonly origin: string | undefined }

/** The page behind a request, by what only its browser can say. */
export function findAsker(
  request: NodeRequest,
  { authority }: RequestTarget,
  { origins, cookie }: PageRules,
): Asker {
  if (!isCrossSite(request, authority)) return { kind: 'own' }
  const { origin } = request.headers
  if (origin === undefined || !origins.has(origin)) return { kind: 'foreign', origin }
  // Pages that may not send cookies may still make a browser send them, and only cannot read the answer.
  const isBorrowed = !origins.credentials && bringsCookie(request, cookie)
  return isBorrowed ? { kind: 'foreign', origin } : { kind: 'allowed', origin }
}

interface OriginCheck extends Pick<PageRules, 'cookie'> {
  readonly asker: Asker
  readonly row: Pick<FoundRoute, 'crossSite' | 'permission'>
}

/**
 * Refuses a request of another origin's web page where the route does. Programs that are no browsers
 * send neither header and pass. It holds with `--insecure` too: who may reach the port is one matter,
 * what a page may do in the name of its visitor another.
 * @throws AccessError `CROSS_SITE`, as where a cookie is taken
 */
export function checkOrigin(
  request: NodeRequest,
  { path }: RequestTarget,
  { asker, row, cookie }: OriginCheck,
): void {
  const { method = 'GET', headers } = request
  if (asker.kind === 'foreign' && isRefused(request, { crossSite: row.crossSite, cookie })) {
    throw new AccessError(
      'CROSS_SITE',
      `A web page of another origin may not ask for ${method} ${quote(path)} here; got the origin ${quote(headers.origin ?? 'null')}. Ask from your server, or from a page of this origin, or name the origin in cors.origins.`,
    )
  }
  // A browser adds its cookie to whatever a page sends, so the page must be known.
  const isKnown = headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
  const isHarmless = safeMethods.includes(method) && row.permission === undefined
  if (isKnown || isHarmless || !bringsCookie(request, cookie)) return
  throw new AccessError(
    'CROSS_SITE',
    `A request with a cookie that changes something, or is for those who run the hub, says which page it comes from; ${method} ${quote(path)} has no Origin. Send the hub's own origin in it, or a token in Authorization in place of the cookie.`,
  )
}

/**
 * A page that sends credentials along, of an origin that may not, gets nothing. A request without an
 * `Origin` is a link that somebody follows, or an image, of which a page cannot see much.
 */
function isRefused(
  request: NodeRequest,
  { crossSite, cookie }: Pick<RouteRow, 'crossSite'> & Pick<PageRules, 'cookie'>,
): boolean {
  if (crossSite === 'refused' || isPreflight(request)) return true
  const isBy = crossSite === 'anonymous' || request.headers.origin !== undefined
  return isBy && (bringsCookie(request, cookie) || request.headers.authorization !== undefined)
}

const safeMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS']

/** The name is the same with a prefix and without (RFC 6265bis §4.1.3). */
const cookiePrefix = /^__(?:host|secure)-/i

/** Whether a cookie may be what lets a request in. */
function bringsCookie({ headers }: NodeRequest, name: string | undefined): boolean {
  if (name === undefined || headers.authorization !== undefined) return false
  const pairs = headers.cookie?.split(';') ?? []
  const bare = name.replace(cookiePrefix, '')
  return pairs.some((pair) => pair.trim().replace(cookiePrefix, '').startsWith(`${bare}=`))
}

/**
 * Browsers say how page and hub are related, and no page can change what they say. Old browsers do not
 * say it, nor does any for a hub at a plain `http:` address that is not loopback. There the page's
 * origin is compared with the name the hub was asked by. https://www.w3.org/TR/fetch-metadata/
 */
function isCrossSite(request: NodeRequest, authority: string | undefined): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers
  if (typeof site === 'string') return site !== 'same-origin' && site !== 'none'
  return origin !== undefined && !isOwnOrigin(origin, authority)
}

function nameOf(host: string): string {
  return host.replace(/:\d*$/, '')
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  if (!URL.canParse(origin)) return false
  const { protocol, host: asking } = new URL(origin)
  // Others have no host, or one that is no name of a server: `file://`, `capacitor://localhost`.
  if (!/^https?:$/.test(protocol)) return false
  // Parsed with the same scheme, so that its default port is left out of both.
  const own = `${protocol}//${host ?? ''}`
  return URL.canParse(own) && new URL(own).host === asking
}
