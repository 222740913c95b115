// The URL a caller hands in, checked before anything is sent.

import { ClientError } from './errors.ts'
import { quote } from './quote.ts'

/**
 * An absolute http(s) URL; in a page or worker, relative ones are resolved against its location.
 * @throws ClientError `URL_INVALID`
 */
export function parseEndpoint(url: string | URL): URL {
  const base = (globalThis as { location?: { href: string } }).location?.href
  const text = String(url)
  if (!URL.canParse(text, base)) {
    throw new ClientError(
      'URL_INVALID',
      `${quote(text)} is not a URL. Outside a page, give it in full, such as "http://127.0.0.1:7070/events".`,
    )
  }
  const endpoint = new URL(text, base)
  if (endpoint.protocol !== 'http:' && endpoint.protocol !== 'https:') {
    throw new ClientError(
      'URL_INVALID',
      `The URL must begin with http: or https:; got ${quote(endpoint.protocol)}.`,
    )
  }
  if (endpoint.username !== '' || endpoint.password !== '') {
    throw new ClientError(
      'URL_INVALID',
      'fetch refuses URLs with a user name or password. Send them in an Authorization header with `headers`.',
    )
  }
  return endpoint
}
