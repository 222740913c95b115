// The handle of a session: the little of it that applications may touch.

import { namesOf } from './changed-topics.ts'
import { ServerError } from '../errors.ts'
import { quoteValue } from '@tidemark/wire/values'
import type { Grant, GrantClaims } from '../request/grant.ts'
import { readExpiry } from '../request/read-expiry.ts'
import { permissionsOf, plainRights } from './session-holder.ts'
import type { Session } from './session.ts'
import type { JoinOptions, SessionEvent, SessionHandle, TopicChange } from './session-handle.ts'
import { joinChange } from './topic-change.ts'
import type { IsLate } from './is-late.ts'

/** Done by the engine for the handle of a session. */
export interface SessionActions {
  send(session: Session, event: SessionEvent, isLate?: IsLate): boolean | Promise<boolean>
  changeTopics(session: Session, change: TopicChange, isLate?: IsLate): Promise<boolean>
  /** When it ends, in milliseconds since 1970; undefined: never. */
  expiryOf(session: Session): number | undefined
  setExpiry(session: Session, expiresAt: number | undefined): boolean
  renew(session: Session, grant: Grant): Promise<boolean>
  end(session: Session, reason: string): void
}

/** Made anew each time somebody asks for it: an idle session keeps none. */
export class OpenSession implements SessionHandle {
  readonly #session: Session
  readonly #actions: SessionActions
  readonly #isLate: IsLate | undefined

  /** @param isLate until when events may be sent and topics changed; without it at any time */
  constructor(session: Session, actions: SessionActions, isLate?: IsLate) {
    this.#session = session
    this.#actions = actions
    this.#isLate = isLate
  }

  get id(): string {
    return this.#session.id
  }

  get user(): string | undefined {
    return this.#session.owner.user
  }

  get label(): string | undefined {
    return this.#session.owner.label
  }

  get group(): string | undefined {
    return this.#session.owner.group
  }

  get expiresAt(): number | undefined {
    return this.#actions.expiryOf(this.#session)
  }

  get permissions(): readonly string[] {
    return permissionsOf(this.#session.owner)
  }

  get claims(): GrantClaims {
    return (this.#session.owner.rights ?? plainRights).claims
  }

  get topics(): readonly string[] {
    return namesOf(this.#session.audience.topics)
  }

  get closed(): Promise<string> {
    return this.#session.closing.reason
  }

  async send(event: SessionEvent): Promise<boolean> {
    await betweenFlushes
    return this.#actions.send(this.#session, event, this.#isLate)
  }

  async changeTopics(change: TopicChange): Promise<boolean> {
    await betweenFlushes
    return this.#actions.changeTopics(this.#session, change, this.#isLate)
  }

  async join(topic: string, options?: JoinOptions): Promise<boolean> {
    return this.changeTopics(joinChange(topic, options))
  }

  async leave(topic: string): Promise<boolean> {
    return this.changeTopics({ remove: [topic] })
  }

  async setExpiry(given: number | undefined): Promise<boolean> {
    const expiresAt = readExpiry(given)
    await betweenFlushes
    return this.#actions.setExpiry(this.#session, expiresAt)
  }

  async renew(grant: Grant): Promise<boolean> {
    await betweenFlushes
    return this.#actions.renew(this.#session, grant)
  }

  async end(reason = 'ended'): Promise<void> {
    checkReason(reason)
    await betweenFlushes
    this.#actions.end(this.#session, reason)
  }
}

/** @throws ServerError `OPTION_INVALID` */
export function checkReason(reason: string): void {
  if (typeof reason === 'string' && /^[a-z0-9-]{1,64}$/.test(reason)) return
  throw new ServerError(
    'OPTION_INVALID',
    `The reason of an end is 1 to 64 of a-z, 0-9 and -; got ${quoteValue(reason)}.`,
  )
}

/**
 * A flush is one turn without a pause, and sinks and error handlers of the application run in it. Their
 * requests to a session wait for the end of the flush, because a session's place is only known between two
 * flushes. All requests wait one microtask, so their order stays.
 */
const betweenFlushes = Promise.resolve()
