// A refused client is told where it finds the issuer of its tokens. On a developer's machine it is told
// which check failed, too, and how to pass it.

import { covers, parseTopicSet } from '@tidemark/log'
import type { Pattern, Topic } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import type { Authorize, Grant, PlainRequest } from '@tidemark/server'
import { CodedError } from '@tidemark/server/hub'
import type { CodeHeaders, ErrorRow } from '@tidemark/server/hub'
import { quote } from '@tidemark/wire/values'
import { isLoopbackName } from './loopback.ts'
import type { ProtectedResource } from './protected-resource.ts'

/** How refusals of a hub are told. */
export interface RefusalOptions {
  readonly authorize: Authorize
  /** Undefined where the hub takes no tokens. */
  readonly resource: ProtectedResource | undefined
  /** The hub listens on loopback. */
  readonly isLoopback: boolean
  /** The fix of the first check that a request does not pass; undefined where there is none. */
  readonly findFix: (request: PlainRequest) => Promise<string | undefined>
}

/** An `authorize` whose refusals say more. It allows and refuses what the given one does. */
export function tellRefusals(options: RefusalOptions): Authorize {
  return async (request) => {
    try {
      const grant = await options.authorize(request)
      if (grant.user === undefined || isTold(request, options)) requireGranted(grant, request)
      return grant
    } catch (error) {
      if (!(error instanceof CodedError) || (error.status !== 401 && error.status !== 403)) throw error
      throw await tellMore(error, request, options)
    }
  }
}

/**
 * The engine checks again. It cannot say where tokens come from, and it does not know that a client on a
 * developer's machine may be told more.
 */
function requireGranted({ user, ...grant }: Grant, { action, topics }: PlainRequest): void {
  if (action === 'admin') {
    if (grant.permissions?.includes('admin') === true) return
    throw user === undefined
      ? unauthenticated('It takes credentials with the permission "admin"')
      : new ServerError(
          'PERMISSION_MISSING',
          'The user does not have the permission "admin". Ask for it, or leave this to somebody who has it.',
        )
  }
  const names = (action === 'publish' ? grant.publish : grant.subscribe) ?? []
  const granted = names.length === 0 ? undefined : parseTopicSet(names)
  const missing = topics.find(
    (topic) => granted === undefined || !covers(granted, topic as Pattern | Topic),
  )
  if (missing === undefined) return
  throw user === undefined
    ? unauthenticated(`It takes credentials to ${verbs[action]} ${quote(missing)}`)
    : new ServerError(
        'TOPIC_FORBIDDEN',
        `The user may not ${verbs[action]} ${quote(missing)}, or not all of it. Leave it out, or ask for the right to it.`,
      )
}

const verbs = { publish: 'publish to', read: 'read', subscribe: 'subscribe to' } as const

function unauthenticated(what: string): ServerError {
  return new ServerError(
    'UNAUTHENTICATED',
    `${what}; the request brings none that are accepted. Sign in, and send them along.`,
  )
}

async function tellMore(
  error: CodedError,
  request: PlainRequest,
  options: RefusalOptions,
): Promise<CodedError> {
  const metadata =
    error.status === 401
      ? options.resource?.urlFor(request.header(':authority') ?? request.header('host'))
      : undefined
  const fix = isTold(request, options) ? await options.findFix(request) : undefined
  if (metadata === undefined && fix === undefined) return error
  const isSaid = fix === undefined || error.message.includes(fix)
  return new ToldRefusal(error, {
    message: isSaid ? error.message : `${error.message} ${fix}`,
    headers:
      metadata === undefined
        ? error.headers
        : { ...error.headers, 'WWW-Authenticate': addMetadata(error, metadata) },
  })
}

/**
 * Whether the client is on the developer's own machine: asked by its name, and not through a proxy, which
 * may stand for the whole world.
 */
function isTold(request: PlainRequest, { isLoopback }: RefusalOptions): boolean {
  if (!isLoopback) return false
  const host = request.header(':authority') ?? request.header('host') ?? ''
  const isForwarded = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'].some(
    (name) => request.header(name) !== undefined,
  )
  return !isForwarded && isLoopbackName(host.replace(/:\d*$/, ''))
}

/** RFC 9728 §5.1. */
function addMetadata({ headers, row }: CodedError, url: string): string {
  const given = headers['WWW-Authenticate'] ?? row.headers?.['WWW-Authenticate'] ?? 'Bearer'
  const challenge = given === 'varies' ? 'Bearer' : given
  if (challenge.includes('resource_metadata=')) return challenge
  const parameter = `resource_metadata="${url}"`
  return challenge.includes('=') ? `${challenge}, ${parameter}` : `${challenge} ${parameter}`
}

/** A refusal with the same code, and more to say. */
class ToldRefusal extends CodedError {
  override readonly name: string
  readonly code: string
  readonly row: ErrorRow

  constructor(
    refusal: CodedError,
    { message, headers }: { readonly message: string; readonly headers: CodeHeaders },
  ) {
    super(message, { cause: refusal, headers })
    this.name = refusal.name
    this.code = refusal.code
    this.row = refusal.row
  }
}
