// Pages of other origins that may ask (https://fetch.spec.whatwg.org/#http-cors-protocol).

import { sendAnswer } from '@tidemark/server/hub'
import type { NodeRequest, NodeResponse } from '@tidemark/server/node'
import type { HubConfig } from './config/hub-config.ts'
import { matchesOrigin, parseOriginPattern } from './config/origin-pattern.ts'
import { preflightSeconds } from './config/limits.ts'

/** All that the routes take. HEAD and GET need no leave of a preflight. */
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Fields that requests have here, beside those that a page may always send. */
const requestHeaders = [
  'Origin',
  'X-Requested-With',
  'Content-Type',
  'Accept',
  'Authorization',
  'Cache-Control',
  'Last-Event-ID',
  'Idempotency-Key',
  'If-Head',
]

/** Fields of answers that a script needs and could not read otherwise. */
const responseHeaders = [
  'Retry-After',
  'WWW-Authenticate',
  'RateLimit',
  'RateLimit-Policy',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'Location',
]

/** The origins of `cors.origins`. */
export class AllowedOrigins {
  /** Whether their pages may send cookies. */
  readonly credentials: boolean
  readonly #isAny: boolean
  readonly #exact: ReadonlySet<string>
  readonly #patterns: readonly ReturnType<typeof parseOriginPattern>[]

  constructor({ origins, credentials }: HubConfig['cors']) {
    const patterns = origins.map((text) => parseOriginPattern(text))
    this.credentials = credentials
    this.#isAny = origins.includes('*')
    this.#exact = new Set(patterns.flatMap((one) => (one?.kind === 'exact' ? [one.origin] : [])))
    this.#patterns = patterns.filter((one) => one?.kind === 'below')
  }

  /** Whether an origin, as a browser sends it, is one of them. */
  has(origin: string): boolean {
    if (this.#isAny || this.#exact.has(origin)) return true
    return this.#patterns.some((one) => one !== undefined && matchesOrigin(one, origin))
  }

  /**
   * Sets what a page's script needs to read an answer, also one that refuses. Caches must know that
   * another page gets another answer, also where none has asked yet.
   */
  mark(response: NodeResponse, origin: string | undefined): void {
    if (!this.#isAny && this.#exact.size + this.#patterns.length > 0) {
      response.setHeader('Vary', 'Origin')
    }
    if (origin === undefined) return
    response.setHeader('Access-Control-Allow-Origin', this.#isAny ? '*' : origin)
    response.setHeader('Access-Control-Expose-Headers', responseHeaders.join(', '))
    if (this.credentials) response.setHeader('Access-Control-Allow-Credentials', 'true')
  }
}

/** Whether a browser asks if a page may send a request at all. */
export function isPreflight({ method, headers }: NodeRequest): boolean {
  return (
    method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined
  )
}

/** Tells a browser what pages may send, whatever the path: then they get to see a 404 as such. */
export function answerPreflight(response: NodeResponse): void {
  const headers = {
    'Access-Control-Allow-Methods': methods.join(', '),
    'Access-Control-Allow-Headers': requestHeaders.join(', '),
    'Access-Control-Max-Age': String(preflightSeconds),
    'Cache-Control': 'no-store',
  }
  sendAnswer(response, { status: 204, headers, body: new Uint8Array() })
}
