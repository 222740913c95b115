// One request, and on to where its answer sends it, at the pace of all other requests.

import { quote } from '@tidemark/wire/values'
import { ClientError } from './errors.ts'
import { findUrlFault } from './endpoint.ts'
import { describe } from './headers.ts'
import type { Fetch } from './headers.ts'
import { redirectsMax, visitsMax } from './limits.ts'
import type { RequestPace } from './request-pace.ts'
import { settle } from './settle.ts'
import type { Watch } from './watch.ts'

/** A request ready for `fetch`. */
export interface PlannedRequest {
  readonly url: string
  readonly init: Omit<RequestInit, 'headers'> & { readonly headers: Headers }
}

/** Everything that sending needs besides the request. */
export interface Sending {
  readonly fetch: Fetch
  readonly pace: RequestPace
  readonly signal: AbortSignal
  /** Started with every request, and running when the answer is handed over. */
  readonly watch: Watch
  /** Milliseconds the watch gives each answer where no heartbeat sets less. */
  readonly answerWaitMs: number
}

/**
 * Sends the request, follows redirects, and gives the first answer that is none. Aborting `signal` ends
 * the wait.
 *
 * Redirects are followed here and not by `fetch`, which would ask 20 times at once, and again on every
 * attempt.
 * @throws ClientError `CONNECTION_FAILED`, `REDIRECT_LOOP` (passing), `REQUEST_INVALID`,
 * `REDIRECT_INVALID` (lasting), or the signal's reason
 */
export async function sendRequest(request: PlannedRequest, sending: Sending): Promise<Response> {
  const visits = new Map<string, number>()
  for (let next = request, redirects = 0; ; redirects++) {
    const visit = (visits.get(next.url) ?? 0) + 1
    visits.set(next.url, visit)
    if (visit > visitsMax || redirects > redirectsMax) throw loop(next.url, redirects)
    const response = await send(next, 'manual', sending)
    // In a browser nobody but the browser itself may see where a redirect leads.
    if (response.type === 'opaqueredirect') return followUnseen(next, sending)
    const location = response.headers.get('location')
    if (!redirectStatuses.has(response.status) || location === null) return response
    discard(response)
    next = redirect(next, response.status, location)
  }
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/**
 * The headers that the protocol itself sends. Everything else is the caller's, tokens above all. A
 * redirect that is followed here takes nothing else to another origin; one that only the browser sees
 * (`followUnseen`) goes by the browser's rules.
 */
const ownHeaders = ['accept', 'content-type', 'idempotency-key', 'last-event-id'] as const

/** Errors of Node's `fetch` about the request alone: a header such as `Upgrade`, or `Expect`. */
const impossible: ReadonlySet<unknown> = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED'])

async function send(
  request: PlannedRequest,
  mode: 'manual' | 'follow',
  { fetch, pace, signal, watch, answerWaitMs }: Sending,
): Promise<Response> {
  // The wait for our own turn is no silence of the server.
  watch.stop()
  await pace.take(signal)
  signal.throwIfAborted()
  watch.start(answerWaitMs)
  const { url, init } = request
  try {
    // Not every `fetch` that is handed in knows the signal.
    return await settle(fetch(url, { ...init, redirect: mode, signal }), signal, discard)
  } catch (cause) {
    signal.throwIfAborted()
    if (isImpossible(cause, request)) {
      // The platform's message may quote a header's value, which may be a token.
      const said = codeOf(cause) === undefined ? '' : ` (${describe(cause)})`
      throw new ClientError(
        'REQUEST_INVALID',
        `No fetch can send this request${said}. Look at the URL and at \`headers\`.`,
        { cause },
      )
    }
    throw new ClientError(
      'CONNECTION_FAILED',
      `The server cannot be reached: ${describe(cause)}.`,
      { cause },
    )
  }
}

/**
 * The browser asks once more, and then up to 20 times without saying how often, so all 22 requests are
 * paid for.
 *
 * The caller's headers follow to another origin, without `Authorization`: Fetch standard,
 * "HTTP-redirect fetch".
 */
async function followUnseen(request: PlannedRequest, sending: Sending): Promise<Response> {
  try {
    return await send(request, 'follow', sending)
  } finally {
    sending.pace.charge(redirectsMax + 2)
  }
}

function redirect({ url, init }: PlannedRequest, status: number, location: string): PlannedRequest {
  const to = utf8Of(location)
  const target = URL.canParse(to, url) ? new URL(to, url) : undefined
  const fault = target === undefined ? 'That is not a URL.' : findUrlFault(target)
  if (target === undefined || fault !== undefined) {
    const shown = target === undefined ? quote(to) : quote(target.origin)
    throw new ClientError(
      'REDIRECT_INVALID',
      `The server redirects to ${shown}. ${fault ?? ''} Correct its Location header.`,
      { status },
    )
  }
  // Fetch standard, "HTTP-redirect fetch": the POST would go on as a GET without its body.
  if (init.method === 'POST' && status < 307) {
    throw new ClientError(
      'REDIRECT_INVALID',
      `The server redirects a POST with ${status}, which would drop its body. Let it answer 307 or 308.`,
      { status },
    )
  }
  const isSameOrigin = target.origin === new URL(url).origin
  const headers = isSameOrigin ? init.headers : pickHeaders(init.headers)
  return { url: target.href, init: { ...init, headers } }
}

function pickHeaders(all: Headers): Headers {
  const headers = new Headers()
  for (const name of ownHeaders) {
    const value = all.get(name)
    if (value !== null) headers.set(name, value)
  }
  return headers
}

/** A header arrives with one character per byte; what is in a Location is UTF-8. */
function utf8Of(value: string): string {
  return new TextDecoder().decode(Uint8Array.from(value, (letter) => letter.charCodeAt(0)))
}

function loop(url: string, redirects: number): ClientError {
  return new ClientError(
    'REDIRECT_LOOP',
    `The server redirects without end: ${redirects} times, at last to ${quote(url)}. Look at its redirects and at the proxies before it.`,
  )
}

function isImpossible(error: unknown, { url, init }: PlannedRequest): boolean {
  if (codeOf(error) !== undefined) return impossible.has(codeOf(error))
  if (typeof Request !== 'function') return false
  try {
    // A request that cannot even be made cannot be sent. `fetch` gives the same TypeError for a network
    // that is down.
    void new Request(url, init)
    return false
  } catch {
    return true
  }
}

/** Node's name for what went wrong below `fetch`. */
function codeOf(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

/** Lets go of an answer that nobody reads, without a wait: letting go may take as long as reading. */
export function discard(response: Response): void {
  void response.body?.cancel().catch(() => undefined)
}
