// The URL a caller hands in, or a redirect leads to, checked before anything is sent.

import { quote } from '@tidemark/wire/values'
import { badPorts } from './bad-ports.ts'
import { ClientError } from './errors.ts'

/**
 * An absolute http(s) URL; in a page or worker, relative ones are resolved against its location.
 * @throws ClientError `URL_INVALID`
 */
export function parseEndpoint(url: string | URL): URL {
  const base = (globalThis as { location?: { href: string } }).location?.href
  const text = textOf(url)
  if (!URL.canParse(text, base)) {
    throw new ClientError(
      'URL_INVALID',
      `${quote(text)} is not a URL. Outside a page, give it in full, such as "http://127.0.0.1:7070/events".`,
    )
  }
  const endpoint = new URL(text, base)
  const fault = findUrlFault(endpoint)
  if (fault !== undefined) throw new ClientError('URL_INVALID', fault)
  return endpoint
}

/** Why no `fetch` will ever ask this URL; undefined when one may. */
export function findUrlFault({ protocol, username, password, port }: URL): string | undefined {
  if (protocol !== 'http:' && protocol !== 'https:')
    return `The URL must begin with http: or https:; got ${quote(protocol)}.`
  if (username !== '' || password !== '')
    return 'fetch refuses URLs with a user name or password. Send them in an Authorization header with `headers`.'
  if (port !== '' && badPorts.has(Number(port)))
    return `fetch refuses port ${port}, which belongs to another protocol. Serve on another port, such as 7070.`
  return undefined
}

function textOf(url: string | URL): string {
  try {
    return String(url)
  } catch {
    return ''
  }
}
