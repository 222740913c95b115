// The observer of a node: its methods, and what each is told.

import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { readMembers } from '../read-members.ts'
import type { LagCause } from './node-stats.ts'

/** The kind of request that was refused. */
export type RefusedAction = 'subscribe' | 'publish' | 'read' | 'admin'

/** The session that something is said of. */
interface OfSession {
  readonly sessionId: string
  /** Whom it is for, where that is known. */
  readonly user: string | undefined
  readonly label: string | undefined
}

export interface SessionOpened extends OfSession {
  /** How many topics and patterns it follows. */
  readonly topics: number
  /** Whether the client came back with a cursor. */
  readonly resumed: boolean
}

export interface SessionClosed extends OfSession {
  /**
   * The reason of the session's `tidemark.bye`, an application's own included; `disconnected` where the
   * client left, and `failed` where its sink threw an error.
   */
  readonly reason: string
  /** Milliseconds since it opened. */
  readonly durationMs: number
}

export interface RequestRefused {
  readonly action: RefusedAction
  /** The stable code of the error; `INTERNAL` for one without. */
  readonly code: string
  /** The HTTP status of the code. A plain EventSource is told some of them in a stream of status 200. */
  readonly status: number
}

export interface EventsPublished {
  readonly events: number
  /** Of their data, in UTF-8. */
  readonly bytes: number
  /** `failed`: the log could not take them. */
  readonly outcome: 'stored' | 'failed'
  /** Milliseconds until the log answered. */
  readonly durationMs: number
}

/** One flush, all audiences together. */
export interface EventsFlushed {
  /** Records of the log that were flushed, those that nobody follows included. */
  readonly events: number
  /** Audiences that got something; one counts again where the flush was divided. */
  readonly audiences: number
  /** Blocks handed to sinks: one per live session of these audiences. */
  readonly writes: number
  /** Events handed to sinks. */
  readonly deliveries: number
  /** Bytes handed to sinks, before compression. */
  readonly bytes: number
  /** Milliseconds it took. */
  readonly durationMs: number
}

export interface SessionLagged extends OfSession {
  readonly cause: LagCause
}

export interface SessionCaughtUp extends SessionLagged {
  /** Milliseconds for which it was behind. */
  readonly durationMs: number
}

export interface NodeFailed {
  /** The code of the error; `INTERNAL` for one without. */
  readonly what: string
  readonly error: unknown
}

/**
 * Is told of what happens on a node. Each method is called a microtask later, between two flushes, in the
 * order of events. A node looks at the methods once, when it is made. An error that a method throws, or
 * rejects with, goes to `onError`.
 */
export interface NodeObserver {
  opened?(event: SessionOpened): unknown
  /** Once for each session that opened. */
  closed?(event: SessionClosed): unknown
  /** A stream, a publish, a history or a permission was refused. */
  refused?(event: RequestRefused): unknown
  /** The log has answered a publish. */
  published?(event: EventsPublished): unknown
  /** An observer that publishes here makes events without end. */
  flushed?(event: EventsFlushed): unknown
  /** A live session fell behind, and reads on from the log when it can. */
  lagged?(event: SessionLagged): unknown
  /** A session that had lagged is level again. */
  caughtUp?(event: SessionCaughtUp): unknown
  /** `onError` is told of the same. */
  failed?(event: NodeFailed): unknown
}

/** An observer's methods, bound to it. */
export type Listeners = { readonly [Name in keyof NodeObserver]?: NodeObserver[Name] | undefined }

const names = [
  'opened',
  'closed',
  'refused',
  'published',
  'flushed',
  'lagged',
  'caughtUp',
  'failed',
] as const satisfies readonly (keyof NodeObserver)[]

/**
 * Takes the methods of an observer.
 * @throws ServerError `OPTION_INVALID`
 */
export function readObserver(given: NodeObserver | undefined): Listeners {
  if (given === undefined) return {}
  const wanted = { code: 'OPTION_INVALID', what: 'The observer of a node' } as const
  const methods = readMembers(given, names, wanted)
  const bound = names.flatMap((name) => {
    const method: unknown = methods[name]
    if (method === undefined) return []
    if (typeof method === 'function') return [[name, method.bind(given)]]
    throw new ServerError(
      'OPTION_INVALID',
      `${name} of an observer is a function; got ${quoteValue(method)}.`,
    )
  })
  return Object.fromEntries(bound) as Listeners
}
