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
import type { Grant } from './grant.ts'
import { readGrant, readGrantedTopics } from './read-grant.ts'
import { readMembers } from '../read-members.ts'
import { readTopicTokens } from './topic-tokens.ts'

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
  /**
   * Tokens for single topics that the client hands in beside its credentials, in the member `topicTokens` of
   * a JSON body. Default: none.
   */
  readonly topicTokens?: readonly string[] | undefined
}

/** A request that asks whether it may. */
export interface PlainRequest extends RequestFacts {
  readonly action: Action
  /** The topics that it names; of a subscription patterns as well. */
  readonly topics: readonly string[]
  /** True for a stream that is open, whose grant is asked for once more. */
  readonly isRecheck?: boolean | undefined
}

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
   * Says what the sender of a request may do now, whatever the request names: for a stream that is open
   * already. Mostly the answer is there at once, and no promise.
   * @throws as `ask`, but not for topics
   */
  review(request: PlainRequest): Grant | Promise<Grant>
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
  const review = (request: PlainRequest): Grant | Promise<Grant> => {
    const answer = ask(request)
    if (!(answer instanceof Promise)) return readUnexpired(answer, clock)
    return answer.then((grant) => readUnexpired(grant, clock))
  }
  const decide = async (request: PlainRequest, check: (grant: Grant) => void): Promise<Grant> => {
    try {
      const grant = await review(request)
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
    review: (request) =>
      request.action === 'subscribe' ? review(request) : decide(request, () => undefined),
    async requirePermission(by, name) {
      await decide(plainRequest(by, 'admin', []), (grant) => checkPermission(grant, name))
    },
  }
}

function readUnexpired(given: Grant, clock: Clock): Grant {
  const grant = readGrant(given)
  requireUnexpired(grant.expiresAt, clock)
  return grant
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
  return Object.freeze(describe(facts, action, topics))
}

/** The same request, with tokens for single topics. */
export function bringTopicTokens(
  facts: RequestFacts,
  topicTokens: readonly string[] | undefined,
): RequestFacts {
  if (topicTokens === undefined || topicTokens.length === 0) return facts
  const { method, url, address } = readFacts(facts)
  return { method, url, address, header: (name) => facts.header(name), topicTokens }
}

/** The request of a stream that is open, asked about once more. */
export function recheckRequest(facts: RequestFacts, topics: readonly string[]): PlainRequest {
  return Object.freeze({ ...describe(facts, 'subscribe', topics), isRecheck: true })
}

function describe(facts: RequestFacts, action: Action, topics: readonly string[]): PlainRequest {
  const { method, url, address, topicTokens } = readFacts(facts)
  return {
    action,
    topics: Object.freeze([...topics]),
    method,
    url,
    address,
    header: (name: string) => facts.header(name),
    ...(topicTokens === undefined ? {} : { topicTokens }),
  }
}

/** An application may hand in its own request in place of what `describeRequest` makes of it. */
function readFacts(facts: RequestFacts): Omit<RequestFacts, 'header'> {
  const { method, url, address, topicTokens } = readMembers(
    facts,
    ['method', 'url', 'address', 'topicTokens'],
    { code: 'OPTION_INVALID', what: 'by' },
  )
  const isRequest = typeof method === 'string' && typeof url === 'string'
  if (isRequest && hasMethods(facts, ['header']))
    return { method, url, address, topicTokens: readTopicTokens(topicTokens) }
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

/** The topics of a request that a grant holds, in their order. */
export function grantedOf(grant: Grant, { action, topics }: PlainRequest): readonly string[] {
  const list = action === 'publish' ? 'publish' : 'subscribe'
  const granted = readGrantedTopics(list, grant[list])
  if (granted === undefined) return []
  return topics.filter((topic) => covers(granted, topic as Pattern | Topic))
}

/** @throws ServerError `UNAUTHENTICATED`, `TOPIC_FORBIDDEN` */
export function checkGrant(grant: Grant, request: PlainRequest): void {
  const { user } = grant
  const { action, topics } = request
  const granted = grantedOf(grant, request)
  const missing = topics.find((topic, i) => granted[i] !== topic)
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
