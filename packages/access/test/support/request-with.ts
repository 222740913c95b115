// Requests with a credential, as a door describes them.

import type { RequestFacts } from '@tidemark/server'

interface Parts {
  readonly bearer?: string
  readonly authorization?: string
  readonly cookie?: string
  readonly url?: string
}

export function requestWith({
  bearer,
  authorization,
  cookie,
  url = '/events',
}: Parts): RequestFacts {
  const headers = new Map<string, string | undefined>([
    ['authorization', bearer === undefined ? authorization : `Bearer ${bearer}`],
    ['cookie', cookie],
  ])
  return {
    method: 'GET',
    url,
    address: '127.0.0.1',
    header: (name) => headers.get(name.toLowerCase()),
  }
}
