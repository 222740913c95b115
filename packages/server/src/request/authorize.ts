// The application's say in what a client may do. Every subscription, publish and read of a client goes
// through here.

import { covers } from '@tidemark/log'
import type { Clock, Pattern, Topic } from '@tidemark/log'
import { hasMethods } from '@tidemark/log/values'
import { quote, quoteValue } from '@tidemark/wire/values'
import { createAsk } from './ask-authorize.ts'
import { isFault } from '../refusal/coded-error.ts'
import { ServerError } from '../errors.ts'
import { requireUnexpired } from './read-expiry.ts'
import { readGrant, readGrantedTopics } from './read-grant.ts'
import { readMembers } from '../read-members.ts'

/** A wish of a client: to follow topics, to publish to them, to read their history, or to run the node. */
export type Action = 'admin' | 'publish' | 'read' | 'subscribe'

/** A request, the same from every door. */
export interface RequestFacts {
  readonly method: string
  /** Path and query as the client sent them: `/events?topic=a`. */
  readonly url: string
  /** The value of a header, whatever the case of its name; undefined without it. */
  header(name: string): string | undefined
  /**
   * The IP address the request came from: of a proxy, where one is in front. Undefined where the runtime does
   * not say (the Fetch API).
   */
  readonly address: string | undefined
}

/** A request that asks whether it may. */
export interface PlainRequest extends RequestFacts {
  readonly action: Action
  /** The topics that it names; of a subscription patterns as well. */
  readonly topics: readonly string[]
}

/**
 * The things that a client may do. Everything else is refused. A pattern that is asked for must lie within
 * one granted name; several that hold it together do not grant it. A name that people choose must not become
 * part of a pattern: `*` would be everybody's.
 */
export interface Grant {
  /**
   * The user who asks. Without it the request is nobody's in particular: what it may not do is
   * `UNAUTHENTICATED`, else `TOPIC_FORBIDDEN`.
   */
  readonly user?: string | undefined
  /** Topics and patterns that may be subscribed to and read, 1,000 at most. Default: none. */
  readonly subscribe?: readonly string[] | undefined
  /** Topics and patterns that may be published to, 1,000 at most. Default: none. */
  readonly publish?: readonly string[] | undefined
  /**
   * When it ends, in milliseconds since 1970. Its stream is told goodbye then (`expired`), and what is asked
   * for later is `UNAUTHENTICATED`. Default: never.
   */
  readonly expiresAt?: number | undefined
  /**
   * Names of what else the user may, such as `admin`: 100 at most, of 1 to 128 characters each. They stay
   * with the session. Default: none.
   */
  readonly permissions?: readonly string[] | undefined
  /**
   * The facts that the grant rests on, such as the id of a token, to find its sessions by later. They stay
   * with the session, and travel to other nodes: texts, numbers and booleans, 1,024 characters as JSON.
   * Default: none.
   */
  readonly claims?: GrantClaims | undefined
  /**
   * How long the stream stays open before `authorize` is asked for the same request once more, in
   * milliseconds: 1 s to a day. It is asked up to a fifth earlier, so that streams opened together are not
   * asked about together. Default: never.
   */
  readonly recheckAfterMs?: number | undefined
}

/** See {@link Grant.claims}. */
export type GrantClaims = Readonly<Record<string, boolean | number | string>>

/**
 * Says what the sender of a request may do, within 30 seconds. To refuse it as a whole, throw `new
 * ServerError('UNAUTHENTICATED', …)` or another `ServerError`: its code is the answer. Whatever else is
 * thrown means that nobody can say now (`ACCESS_UNAVAILABLE`): the client comes back by itself.
 */
export type Authorize = (request: PlainRequest) => Grant | Promise<Grant>

/** The check between clients and topics. */
export interface Permit {
  /**
   * Refuses what a client wants, whatever it names, where nobody has said what clients may. Before anything
   * else is read.
   * @throws ServerError `AUTHORIZE_MISSING`
   */
  requireAuthorize(action: Action): void
  /**
   * Resolves to the grant if a request may do what it asks for.
   * @throws ServerError `UNAUTHENTICATED`, `TOPIC_FORBIDDEN`, `AUTHORIZE_MISSING`, `ACCESS_UNAVAILABLE`,
   * `OPTION_INVALID` for a grant that is none, `FULL` where too many wait; and what `authorize` throws
   */
  ask(request: PlainRequest): Promise<Grant>
  /**
   * Resolves to what the sender of a request may do now, whatever the request names: for a stream that is
   * open already.
   * @throws as `ask`, but not for topics
   */
  review(request: PlainRequest): Promise<Grant>
  /**
   * Resolves if the sender of a request has a permission.
   * @throws ServerError `UNAUTHENTICATED`, `PERMISSION_MISSING`, and what `ask` throws
   */
  requirePermission(by: RequestFacts, name: string): Promise<void>
}

/**
 * Makes the check of what a node was told by `authorize`; undefined: everybody may everything. Faults of the
 * application are told to `onError`, refusals are not.
 *
 * A refusal is thrown, not answered: doors answer every coded error already, and code that forgets to answer
 * then refuses.
 */
export function createPermit(
  authorize: Authorize | 'everyone' | undefined,
  host: { readonly onError: (error: unknown) => void; readonly clock: Clock },
): Permit | undefined {
  const { onError, clock } = host
  if (authorize === 'everyone') return undefined
  if (authorize === undefined) return refuseAll(onError)
  const ask = createAsk(authorize, host)
  const decide = async (
    request: PlainRequest,
    check: (grant: Grant) => void = () => undefined,
  ): Promise<Grant> => {
    try {
      const grant = readGrant(await ask(request))
      requireUnexpired(grant.expiresAt, clock)
      check(grant)
      return grant
    } catch (error) {
      // Faults of a stream are told by the one way in, together with all others of its request.
      if (isFault(error) && request.action !== 'subscribe') onError(error)
      throw error
    }
  }
  return {
    requireAuthorize: () => undefined,
    ask: (request) => decide(request, (grant) => checkGrant(grant, request)),
    review: (request) => decide(request),
    async requirePermission(by, name) {
      await decide(plainRequest(by, 'admin', []), (grant) => checkPermission(grant, name))
    },
  }
}

/** Where nobody has said what clients may, forgetting to say so must not open the door. */
function refuseAll(onError: (error: unknown) => void): Permit {
  const requireAuthorize = (action: Action): never => {
    const error = new ServerError(
      'AUTHORIZE_MISSING',
      `Nobody has said what clients may ${verbs[action]}. ${ownWays[action]}, or say what each client may with createTidemark({ authorize }), or open it all with createTidemark({ authorize: 'everyone' }).`,
    )
    if (action !== 'subscribe') onError(error)
    throw error
  }
  const refuse = ({ action }: { readonly action: Action }): Promise<never> =>
    Promise.resolve(action).then(requireAuthorize)
  return {
    requireAuthorize,
    ask: refuse,
    review: refuse,
    requirePermission: () => refuse({ action: 'admin' }),
  }
}

/** The first way out: the application does not let the client choose. */
const ownWays: Readonly<Record<Action, string>> = {
  admin: 'Ask for no permission where the application itself does it',
  publish: 'Leave out `by` to publish in the name of the application',
  read: 'Leave out `by` to read in the name of the application',
  subscribe:
    "Choose the topics in the application, such as tide.subscribe(request, response, { topics: ['news'] })",
}

/**
 * The request of a client that does something. Frozen: what `authorize` is shown is what its grant is held
 * against.
 */
export function plainRequest(
  facts: RequestFacts,
  action: Action,
  topics: readonly string[],
): PlainRequest {
  const { method, url, address } = readFacts(facts)
  return Object.freeze({
    action,
    topics: Object.freeze([...topics]),
    method,
    url,
    address,
    header: (name: string) => facts.header(name),
  })
}

/** An application may hand in its own request in place of what `describeRequest` makes of it. */
function readFacts(facts: RequestFacts): Omit<RequestFacts, 'header'> {
  const { method, url, address } = readMembers(facts, ['method', 'url', 'address'], {
    code: 'OPTION_INVALID',
    what: 'by',
  })
  const isRequest = typeof method === 'string' && typeof url === 'string'
  if (isRequest && hasMethods(facts, ['header'])) return { method, url, address }
  throw new ServerError(
    'OPTION_INVALID',
    `by must be what describeRequest(request) gives; got ${quoteValue(facts)}.`,
  )
}

const verbs: Readonly<Record<Action, string>> = {
  admin: 'do to the node',
  publish: 'publish to',
  read: 'read',
  subscribe: 'subscribe to',
}

function checkGrant({ user, ...names }: Grant, { action, topics }: PlainRequest): void {
  const list = action === 'publish' ? 'publish' : 'subscribe'
  const granted = readGrantedTopics(list, names[list])
  const missing = topics.find(
    (topic) => granted === undefined || !covers(granted, topic as Pattern | Topic),
  )
  if (missing === undefined) return
  if (user === undefined) {
    throw new ServerError(
      'UNAUTHENTICATED',
      `It takes credentials to ${verbs[action]} ${quote(missing)}; the request brings none that are accepted. Sign in, and send them along.`,
    )
  }
  throw new ServerError(
    'TOPIC_FORBIDDEN',
    `The user may not ${verbs[action]} ${quote(missing)}, or not all of it. Leave it out, or ask for the right to it.`,
  )
}

function checkPermission({ user, permissions = [] }: Grant, name: string): void {
  if (permissions.includes(name)) return
  if (user === undefined) {
    throw new ServerError(
      'UNAUTHENTICATED',
      `It takes credentials with the permission ${quote(name)}; the request brings none that are accepted. Sign in, and send them along.`,
    )
  }
  throw new ServerError(
    'PERMISSION_MISSING',
    `The user does not have the permission ${quote(name)}. Ask for it, or leave this to somebody who has it.`,
  )
}
