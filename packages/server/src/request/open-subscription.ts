// The one way in for streams, whichever door a request comes by: what it asks for, whether it may, where it
// begins, and open.

import { bringTopicTokens, checkGrant, grantedOf, plainRequest } from './authorize.ts'
import { isReserved, requireUnreserved } from './reserved-topics.ts'
import type { RequestFacts } from './authorize.ts'
import { dropChanged, namesOf, resumeChanged } from '../session/changed-topics.ts'
import { checkMethod } from './check-method.ts'
import { measureTopicSet } from '../fan-out/measure-topic-set.ts'
import type { PackText } from '../framing/packed.ts'
import { isFault } from '../refusal/coded-error.ts'
import type { Refusal } from '../refusal/refusal.ts'
import type { SessionHandle, SessionOwner } from '../session/session-handle.ts'
import { holderOf } from '../session/session-holder.ts'
import type { Sink } from '../session/sink.ts'
import type { Granted, StreamOpener } from './stream-opener.ts'
import { parseChosenText, parseSubscriptionBody, parseSubscriptionText } from './subscription.ts'
import type { QueryOptions, Subscription } from './subscription.ts'
import { readChoice } from './topic-choice.ts'
import { measureTopicTokens } from './topic-tokens.ts'
import type { TopicChoice } from './topic-choice.ts'

/** A request as its door describes it. */
export interface StreamRequest {
  readonly method: string
  /** The query of its URL, as it stands there. */
  readonly query: string
  readonly lastEventId: string | undefined
  /** The options that the application has handed to the door. */
  readonly options: QueryOptions & TopicChoice
}

/** One request at a door, and the answer that the door makes of it. */
export interface Door<Answer> {
  /** For messages. */
  readonly name: 'tide.fetch' | 'tide.subscribe'
  /** Reads the head of the request and the options beside it, or refuses what is not whole. */
  readHead(): StreamRequest
  /**
   * Resolves when it is the request's turn on its connection, to false if the client has left. Not called for
   * HEAD.
   */
  begin(): Promise<boolean>
  /** Reads the body of a POST as JSON. */
  readBody(): Promise<unknown>
  /** The request for `authorize`. */
  describe(): RequestFacts
  /** The same for later, when the request is gone: of the request itself nothing is held. */
  keep(): RequestFacts
  /** Compresses single events; undefined: this door does not. */
  readonly pack: PackText | undefined
  /** Where the bytes of the stream go, compressed if the client accepts it. Nothing is written yet. */
  openSink(options: { readonly isPlain: boolean }): Sink
  /** The answer that the bytes of the sink are part of. */
  answerStream(session: SessionHandle): Answer
  /** Frameworks route HEAD to the handler of GET; it asks for the head only. */
  answerHead(): Answer
  /** To a client that has left. */
  answerNobody(): Answer
  refuse(refusal: Refusal): Answer
}

/** Opens a session, or answers why not. Throws only what the door's `refuse` throws. */
export async function openSubscription<Answer>(
  opener: StreamOpener,
  door: Door<Answer>,
): Promise<Answer> {
  let subscription: Subscription | undefined
  try {
    const request = door.readHead()
    const isHead = request.method === 'HEAD'
    checkMethod(request.method, door.name)
    if (!isHead && !(await door.begin())) return door.answerNobody()
    const { lastEventId, options, query } = request
    const chosen = readChoice(options)
    const { group } = options
    let { label } = options
    let granted: Granted | undefined
    if (chosen !== undefined) {
      const asked = parseChosenText(query, lastEventId, { ...options, chosen })
      subscription = await resumeChanged(asked, opener.topicSets, chosen.owner.user)
    } else {
      opener.permit?.requireAuthorize('subscribe')
      // Before it is authorized: a cursor may stand for other topics than the URL names.
      const asked = await readSubscription(door, request)
      subscription = await resumeChanged(asked, opener.topicSets)
      // The application's name for a session goes before the client's.
      label ??= subscription.label
      const allowed = await authorize(opener, door, { subscription, names: { label, group } })
      subscription = allowed.subscription
      granted = allowed.granted
    }
    if (isHead) return door.answerHead()
    if (options.admit !== undefined)
      await options.admit({ user: granted === undefined ? chosen?.owner.user : granted.owner.user })
    const { framing, packsEvents: isPlain = false } = subscription
    if (isPlain && door.pack !== undefined)
      subscription = { ...subscription, framing: framing.packing(door.pack) }
    const sink = door.openSink({ isPlain })
    // Where it begins is found out in there, while the session has its place among those that open.
    const session =
      granted === undefined
        ? opener.open(sink, subscription, { ...chosen?.owner, label, group })
        : opener.openGranted(sink, subscription, granted)
    return door.answerStream(await session)
  } catch (error) {
    opener.watch.refused('subscribe', error)
    // A client that asked for `now` gets the live cursor with its refusal, so that it resumes from this
    // moment.
    const cursor = subscription?.start.kind === 'now' ? opener.liveCursor : undefined
    const answer = door.refuse({ error, retryMs: opener.pickRetryMs(), cursor })
    if (isFault(error)) opener.onError(error)
    return answer
  }
}

async function readSubscription(
  door: Door<unknown>,
  { method, query, lastEventId, options }: StreamRequest,
): Promise<Subscription> {
  if (method === 'POST') return parseSubscriptionBody(await door.readBody(), lastEventId)
  return parseSubscriptionText(query, lastEventId, options)
}

/** A stream that is asked for. */
interface Asked {
  readonly subscription: Subscription
  readonly names: Pick<SessionOwner, 'group' | 'label'>
}

/** A stream that may be opened. Undefined: nobody has to grant anything. */
interface Allowed {
  readonly subscription: Subscription
  readonly granted: Granted | undefined
}

/** Asks whether the request may, where somebody has to be asked; resolves to the grant. */
async function authorize(
  opener: StreamOpener,
  door: Door<unknown>,
  { subscription, names }: Asked,
): Promise<Allowed> {
  const { permit, bodies } = opener
  const { topics: set, topicTokens } = subscription
  const topics = namesOf(set)
  if (permit === undefined) {
    const kept = topics.filter((name) => !isReserved(name))
    if (subscription.changed === undefined || kept.length === 0) requireUnreserved(topics)
    return { subscription: await keepNames(opener, subscription, kept), granted: undefined }
  }
  // A node that is full or draining sends thousands away at a time: the application must not look each of
  // them up for nothing.
  opener.admit()
  // A set that waits for the answer counts like a body that is read: an application that is slow to answer
  // must not gather them.
  const held = bodies.begin()
  try {
    held.grow(measureTopicSet(set) + measureTopicTokens(topicTokens))
    const facts = bringTopicTokens(door.describe(), topicTokens)
    const request = plainRequest(facts, 'subscribe', topics)
    const reviewed = permit.review(request)
    const grant = reviewed instanceof Promise ? await reviewed : reviewed
    const kept = grantedOf(grant, request)
    const isPart = kept.length < topics.length
    if (isPart && (subscription.changed === undefined || kept.length === 0))
      checkGrant(grant, request)
    const allowed = await keepNames(opener, subscription, kept)
    const { recheckAfterMs: afterMs } = grant
    const owner = holderOf(grant, names)
    if (afterMs === undefined)
      return { subscription: allowed, granted: { owner, recheck: undefined } }
    const recheck = { request: bringTopicTokens(door.keep(), topicTokens), afterMs }
    return { subscription: allowed, granted: { owner, recheck } }
  } finally {
    held.release()
  }
}

/** Of topics that a cursor has led to, those that may be. Those that a request names are all or none. */
async function keepNames(
  { topicSets }: StreamOpener,
  subscription: Subscription,
  kept: readonly string[],
): Promise<Subscription> {
  const { changed, topics } = subscription
  if (changed === undefined || kept.length === namesOf(topics).length) return subscription
  return dropChanged(subscription, changed, { kept, table: topicSets })
}
