// A client that is refused because it is nobody is told where it finds the issuer of its tokens (RFC 9728
// §5.1).

import { covers, parseTopicSet } from '@tidemark/log'
import type { Pattern, Topic } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import type { Authorize, Grant, PlainRequest } from '@tidemark/server'
import { CodedError } from '@tidemark/server/hub'
import type { ErrorRow } from '@tidemark/server/hub'
import { quote } from '@tidemark/wire/values'
import type { ProtectedResource } from './protected-resource.ts'

/** An `authorize` whose refusals say more. It allows and refuses what the given one does. */
export function tellRefusals(authorize: Authorize, resource: ProtectedResource): Authorize {
  return async (request) => {
    try {
      const grant = await authorize(request)
      // The engine checks this again, and cannot say where tokens come from.
      if (grant.user === undefined) requireGranted(grant, request)
      return grant
    } catch (error) {
      if (!(error instanceof CodedError) || error.status !== 401) throw error
      const url = resource.urlFor(request.header(':authority') ?? request.header('host'))
      throw url === undefined ? error : new ToldRefusal(error, url)
    }
  }
}

function requireGranted(grant: Grant, { action, topics }: PlainRequest): void {
  if (action === 'admin') {
    if (grant.permissions?.includes('admin') === true) return
    throw unauthenticated('with the permission "admin"')
  }
  const names = (action === 'publish' ? grant.publish : grant.subscribe) ?? []
  const granted = names.length === 0 ? undefined : parseTopicSet(names)
  const missing = topics.find(
    (topic) => granted === undefined || !covers(granted, topic as Pattern | Topic),
  )
  if (missing !== undefined) throw unauthenticated(`to ${verbs[action]} ${quote(missing)}`)
}

const verbs = { publish: 'publish to', read: 'read', subscribe: 'subscribe to' } as const

/** In the words of the engine, which `tidemark explain` has too. */
function unauthenticated(what: string): ServerError {
  return new ServerError(
    'UNAUTHENTICATED',
    `It takes credentials ${what}; the request brings none that are accepted. Sign in, and send them along.`,
  )
}

/** The same refusal, with one more parameter in its challenge. */
class ToldRefusal extends CodedError {
  override readonly name: string
  readonly code: string
  readonly row: ErrorRow

  constructor(refusal: CodedError, url: string) {
    super(refusal.message, {
      cause: refusal,
      headers: { ...refusal.headers, 'WWW-Authenticate': addMetadata(refusal, url) },
    })
    this.name = refusal.name
    this.code = refusal.code
    this.row = refusal.row
  }
}

function addMetadata({ headers, row }: CodedError, url: string): string {
  const given = headers['WWW-Authenticate'] ?? row.headers?.['WWW-Authenticate'] ?? 'varies'
  const challenge = given === 'varies' ? 'Bearer' : given
  return `${challenge}${challenge.includes('=') ? ',' : ''} resource_metadata="${url}"`
}
