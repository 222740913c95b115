// The caller's headers: a list, or a function asked anew for every request, so that a token is always fresh.

import type { Clock } from './clock.ts'
import { ClientError } from './errors.ts'
import { headersWaitMaxMs } from './limits.ts'
import { settle } from './settle.ts'

/** Headers as `fetch` takes them. */
export type HeaderList =
  | Headers
  | Readonly<Record<string, string>>
  | readonly (readonly [string, string])[]

/** Headers, or a function that gives them for each request. */
export type HeaderSource = HeaderList | (() => HeaderList | Promise<HeaderList>)

/** The part of `fetch` the client uses. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/**
 * The headers for one request.
 * @throws ClientError `HEADERS_FAILED` when the function fails or takes a minute (passing),
 * `REQUEST_INVALID` when no request can carry what it gave (lasting), or the signal's reason
 */
export async function resolveHeaders(
  source: HeaderSource | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<Headers> {
  const list = typeof source === 'function' ? await ask(source, clock, signal) : (source ?? {})
  let cause: unknown
  try {
    const headers = new Headers(pairsOf(list))
    // Browsers leave it out of what a page gives them; Node would send one that is not the body's.
    headers.delete('content-length')
    if ([...headers.values()].every(isFieldValue)) return headers
  } catch (thrown) {
    cause = thrown
  }
  // The platform's message may quote the value, which may be a token: it stays out of ours.
  throw new ClientError(
    'REQUEST_INVALID',
    'A header from `headers` has a name or value no request can carry. Names are ASCII words, values have no control characters and no characters beyond Latin-1.',
    { cause },
  )
}

/**
 * Whether a header can carry the value, one character per byte: RFC 9110 §5.5. `Headers` takes more
 * than that.
 */
export function isFieldValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
}

async function ask(
  source: () => HeaderList | Promise<HeaderList>,
  clock: Clock,
  signal: AbortSignal,
): Promise<HeaderList> {
  const limit = new AbortController()
  const leave = (): void => limit.abort(signal.reason)
  const timer = clock.after(headersWaitMaxMs, () =>
    limit.abort(new Error(`it did not settle within ${headersWaitMaxMs} ms`)),
  )
  signal.addEventListener('abort', leave)
  try {
    return await settle(
      Promise.resolve().then(() => source()),
      limit.signal,
    )
  } catch (cause) {
    signal.throwIfAborted()
    const said = describe(cause)
    throw new ClientError('HEADERS_FAILED', `The \`headers\` function failed: ${said}`, { cause })
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', leave)
  }
}

/** The words of an unknown error. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // `fetch failed` tells nothing by itself; Node puts the reason, such as ECONNREFUSED, into the cause.
  const { cause } = error
  return cause instanceof Error ? `${error.message} (${cause.message})` : error.message
}

function pairsOf(list: HeaderList): [string, string][] {
  // Also the `Headers` of a library, which would have no entries otherwise.
  const pairs = Symbol.iterator in list ? [...list] : Object.entries(list)
  return pairs.map(([name, value]) => {
    // `Headers` would make a text of it: a token that is not there would be sent as "undefined".
    if (value === undefined || value === null) throw new TypeError(`${name} has no value`)
    return [name, value]
  })
}
