// The caller's headers: a list, or a function asked anew for every request, so that a token is always fresh.

import { ClientError } from './errors.ts'

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
 * @throws ClientError `HEADERS_FAILED` when the function fails (passing), `REQUEST_INVALID` when no request can carry
 * what it gave (lasting)
 */
export async function resolveHeaders(source: HeaderSource | undefined): Promise<Headers> {
  let list: HeaderList
  try {
    list = typeof source === 'function' ? await source() : (source ?? {})
  } catch (cause) {
    const said = describe(cause)
    throw new ClientError('HEADERS_FAILED', `The \`headers\` function failed: ${said}`, { cause })
  }
  try {
    return new Headers(list instanceof Headers ? list : pairsOf(list))
  } catch (cause) {
    // The platform's message may quote the value, which may be a token: it stays out of ours.
    throw new ClientError(
      'REQUEST_INVALID',
      'A header from `headers` has a name or value no request can carry. Names are ASCII words, values have no line breaks and no characters beyond Latin-1.',
      { cause },
    )
  }
}

/** What an unknown error says. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // `fetch failed` tells nothing by itself; Node puts the reason, such as ECONNREFUSED, into the cause.
  const { cause } = error
  return cause instanceof Error ? `${error.message} (${cause.message})` : error.message
}

function pairsOf(list: Exclude<HeaderList, Headers>): [string, string][] {
  const pairs = Array.isArray(list) ? list : Object.entries(list)
  return pairs.map(([name, value]) => [name, value])
}
