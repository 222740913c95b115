// Who a request comes from, as the parts of this room that trade credentials need it.

import type { Grant, PlainRequest, RequestFacts } from '@tidemark/server'

/** The way by which a request said who sends it. */
export type Source = 'application' | 'bearer' | 'cookie' | 'none' | 'query' | 'ticket'

/** A request whose credential was checked. */
export interface Checked {
  readonly source: Source
  readonly grant: Grant
}

/** Says who a request comes from, without judging topics. Rejects for a credential that does not hold. */
export type Check = (request: PlainRequest) => Promise<Checked>

/** A request that asks for no topic. */
export function withoutTopics(request: RequestFacts): PlainRequest {
  const { method, url, address } = request
  return { action: 'subscribe', topics: [], method, url, address, header: (name) => request.header(name) }
}

/** The same request, with some of its headers only and no query: with one credential of several. */
export function onlyHeaders(request: PlainRequest, kept: (name: string) => boolean): PlainRequest {
  const [url = ''] = request.url.split('?', 1)
  const header = (name: string): string | undefined =>
    kept(name.toLowerCase()) ? request.header(name) : undefined
  return { ...request, url, header }
}

/** The token of `Authorization: Bearer` (RFC 6750 §2.1). */
export function readBearer(request: RequestFacts): string | undefined {
  return /^bearer +(\S+) *$/i.exec(request.header('authorization') ?? '')?.[1]
}
