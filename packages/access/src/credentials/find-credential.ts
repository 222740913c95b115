// Finds the one credential of a request: in the Authorization header, a cookie, or the query.

import type { RequestFacts } from '@tidemark/server'
import { refuseToken } from '../refuse-token.ts'
import { readCookie } from './read-cookie.ts'

/** Where a credential can stand. */
export type CredentialSource = 'bearer' | 'cookie' | 'query'

/** A text that has yet to be checked. It is a secret: it stands in no message. */
export interface Credential {
  readonly source: CredentialSource
  readonly text: string
}

export interface CredentialPlaces {
  /** In this order; the first place that holds one decides. */
  readonly sources: readonly CredentialSource[]
  /** The first one that is there counts. Asked for when a cookie is looked for. */
  readonly cookieNames: () => readonly string[]
}

/** RFC 6750 §2.1, where the scheme is compared without case (RFC 9110 §11.1). */
const bearer = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

/**
 * The credential of a request; undefined for a visitor without one.
 * @throws AccessError `TOKEN_INVALID` for one that cannot be read, or that comes twice in one place
 */
export function findCredential(
  request: RequestFacts,
  { sources, cookieNames }: CredentialPlaces,
): Credential | undefined {
  for (const source of sources) {
    const text = readers[source](request, cookieNames)
    if (text !== undefined) return { source, text }
  }
  return undefined
}

const readers: Readonly<
  Record<
    CredentialSource,
    (request: RequestFacts, cookieNames: () => readonly string[]) => string | undefined
  >
> = {
  bearer: (request) => readBearer(request.header('authorization')),
  cookie(request, cookieNames) {
    const header = request.header('cookie')
    if (header === undefined) return undefined
    for (const name of cookieNames()) {
      const text = readCookie(header, name)
      if (text !== undefined) return text
    }
    return undefined
  },
  query: ({ url }) => readQuery(url),
}

/**
 * The token of an Authorization header. Other schemes are for a proxy in front.
 * @throws AccessError `TOKEN_INVALID`
 */
export function readBearer(header: string | undefined): string | undefined {
  if (header === undefined || !/^bearer(?: |$)/i.test(header)) return undefined
  const text = bearer.exec(header)?.[1]
  if (text !== undefined) return text
  throw refuseToken(
    'The Authorization header must be `Bearer`, a space and one token; got something else behind the word Bearer. Send the token as it was given to you.',
  )
}

function readQuery(url: string): string | undefined {
  return readParameter(url, 'token')
}

/**
 * A credential of a query; undefined without it, and for an empty one.
 * @throws AccessError `TOKEN_INVALID` for several
 */
export function readParameter(url: string, name: 'ticket' | 'token'): string | undefined {
  const start = url.indexOf('?')
  // Letters of a name may be written as %74; nearly no request has either.
  if (start === -1 || !(url.includes(name, start) || url.includes('%', start))) return undefined
  const tokens = new URLSearchParams(url.slice(start + 1)).getAll(name)
  if (tokens.length > 1) {
    throw refuseToken(`The query names \`${name}\` more than once. Send one ${name}.`)
  }
  // An empty one says that the page had none.
  return tokens[0] === '' ? undefined : tokens[0]
}
