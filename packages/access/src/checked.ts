// The sender of a request, as the parts of this room that trade credentials need it.

import type { Grant, RequestFacts } from '@tidemark/server'
import type { CredentialSource } from './credentials/find-credential.ts'

/** The way by which a request said who sends it. */
export type Source = CredentialSource | 'application' | 'none' | 'ticket'

/** A request whose credential was checked. */
interface Checked {
  readonly source: Source
  readonly grant: Grant
}

/** Says who a request comes from, without judging topics. Rejects for a credential that does not hold. */
export type Check = (request: RequestFacts) => Promise<Checked>

/** The same request, with some of its headers only and no query: with one credential of several. */
export function onlyHeaders(request: RequestFacts, kept: (name: string) => boolean): RequestFacts {
  const { method, address } = request
  const [url = ''] = request.url.split('?', 1)
  const header = (name: string): string | undefined =>
    kept(name.toLowerCase()) ? request.header(name) : undefined
  return { method, url, address, header }
}
