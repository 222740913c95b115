// A client that is refused because it is nobody is told where it finds the issuer of its tokens (RFC 9728
// §5.1). On a developer's machine it is told what would help, too.

import { AccessError } from '@tidemark/access'
import type { Access } from '@tidemark/access'
import { refuseNobody, topicVerbs } from '@tidemark/access/hub'
import { covers, parseTopicSet } from '@tidemark/log'
import type { Pattern, Topic } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import type { Authorize, Grant, PlainRequest } from '@tidemark/server'
import { CodedError } from '@tidemark/server/hub'
import { quote } from '@tidemark/wire/values'
import { explainedTopicsMax } from './config/limits.ts'
import { isLoopbackName } from './loopback.ts'
import type { ProtectedResource } from './protected-resource.ts'
import { ToldRefusal, nameIssuer } from './told-refusal.ts'

/** How refusals of a hub are told. */
export interface RefusalOptions {
  readonly access: Pick<Access, 'authorize' | 'explain'>
  /** Undefined where no token can be checked. */
  readonly resource: ProtectedResource | undefined
  /** The hub listens on loopback. */
  readonly isLoopback: boolean
}

/** An `authorize` whose refusals say more. It allows and refuses what that of the access does. */
export function tellRefusals(options: RefusalOptions): Authorize {
  const { access } = options
  return (request) => {
    const refuse = async (error: unknown): Promise<never> => {
      const isRefusal = error instanceof CodedError && [401, 403].includes(error.status)
      throw isRefusal ? await tellMore(error, request, options) : error
    }
    // The engine checks this again. It cannot say where tokens come from, nor what would help.
    const check = (grant: Grant): Grant => {
      const refusal = findRefusal(grant, request)
      if (refusal === undefined) return grant
      if (grant.user === undefined || isDevelopers(request, options)) throw refusal
      return grant
    }
    try {
      const answer = access.authorize(request)
      return answer instanceof Promise ? answer.then(check).catch(refuse) : check(answer)
    } catch (error) {
      return refuse(error)
    }
  }
}

/** Undefined where the grant holds what is asked for. */
function findRefusal(grant: Grant, { action, topics }: PlainRequest): CodedError | undefined {
  const { user } = grant
  if (action === 'admin') {
    if (grant.permissions?.includes('admin') === true) return undefined
    return user === undefined
      ? refuseNobody('with the permission "admin"')
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
  if (missing === undefined) return undefined
  return user === undefined
    ? refuseNobody(`to ${topicVerbs[action]} ${quote(missing)}`)
    : new ServerError(
        'TOPIC_FORBIDDEN',
        `The user may not ${topicVerbs[action]} ${quote(missing)}, or not all of it. Leave it out, or ask for the right to it.`,
      )
}

async function tellMore(
  error: CodedError,
  request: PlainRequest,
  options: RefusalOptions,
): Promise<CodedError> {
  const { resource } = options
  const authority = request.header(':authority') ?? request.header('host')
  // The access says by itself what is wrong with a credential, and to check it twice costs twice as much.
  const isSaid = error instanceof AccessError || !isDevelopers(request, options)
  const explained = isSaid ? undefined : await explain(error, request, options)
  const told =
    explained === undefined
      ? error
      : new ToldRefusal(error, { message: explained, headers: error.headers })
  return nameIssuer(told, authority, resource)
}

/**
 * Whether the client is on the developer's own machine: asked by its name, and not through a proxy, which
 * may stand for the whole world.
 */
function isDevelopers(request: PlainRequest, { isLoopback }: RefusalOptions): boolean {
  if (!isLoopback || proxyHeaders.some((name) => request.header(name) !== undefined)) return false
  const host = request.header(':authority') ?? request.header('host') ?? ''
  return isLoopbackName(host.replace(/:\d*$/, ''))
}

const proxyHeaders = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']

/** The check that the request does not pass, in the words of `tidemark explain`. */
async function explain(
  { code }: CodedError,
  request: PlainRequest,
  { access }: RefusalOptions,
): Promise<string | undefined> {
  const { action, topics } = request
  const names = topics.slice(0, explainedTopicsMax)
  const wishes = action === 'admin' ? { permissions: ['admin'] } : { [action]: names }
  const { checks } = await access.explain(request, wishes)
  const failed = checks.find(({ isPassed }) => !isPassed)
  if (failed?.code !== code) return undefined
  return [failed.detail, failed.fix].filter((part) => part !== undefined).join(' ')
}
