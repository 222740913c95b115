// Another grant for an open session: its end, permissions, claims and filter are replaced, and topics that it
// does not hold leave.

import { covers } from '@tidemark/log'
import type { Clock, Pattern, Topic } from '@tidemark/log'
import { ServerError } from '../errors.ts'
import type { ByeReason } from '../framing/bye-reason.ts'
import { controlMs } from '../control/limits.ts'
import { CodedError } from '../refusal/coded-error.ts'
import type { RequestFacts } from '../request/authorize.ts'
import type { Grant } from '../request/grant.ts'
import { requireUnexpired } from '../request/read-expiry.ts'
import { readGrant, readGrantedTopics } from '../request/read-grant.ts'
import { within } from '../within.ts'
import type { GrantEnds } from './grant-ends.ts'
import type { Rechecks } from './rechecks.ts'
import { filterOfHolder, holderOf } from './session-holder.ts'
import type { Session } from './session.ts'
import type { IsGranted } from './timed-change.ts'
import type { TopicChanges } from './topic-changes.ts'

/** The parts of the node that it needs. */
interface RenewalsHost {
  readonly clock: Clock
  readonly changes: TopicChanges
  readonly ends: GrantEnds
  readonly rechecks: Rechecks
  dismiss(session: Session, reason: ByeReason): void
}

export class Renewals {
  readonly #host: RenewalsHost

  constructor(host: RenewalsHost) {
    this.#host = host
  }

  /**
   * Resolves to whether the session is open afterwards.
   * @param request asked about again, if the grant says so. Without it nobody can be asked, so the grant ends
   * at that time.
   * @throws ServerError `OPTION_INVALID`, `GRANT_MISSING`, `USER_DIFFERS`, `UNAUTHENTICATED`: nothing has
   * changed then. `LOG_UNAVAILABLE` and `FULL`: the stream has ended.
   */
  async renew(session: Session, given: Grant, request?: RequestFacts): Promise<boolean> {
    const { clock, ends, rechecks } = this.#host
    const grant = readGrant(given)
    const granted = readGrantedTopics('subscribe', grant.subscribe)
    if (session.isClosed) return false
    requireSame(session, grant)
    const { recheckAfterMs: afterMs } = grant
    const isAskedAgain = afterMs !== undefined && request !== undefined
    const expiresAt = isAskedAgain ? grant.expiresAt : endOf(grant, clock)
    requireUnexpired(expiresAt, clock)
    session.owner = holderOf({ ...grant, expiresAt }, session.owner)
    ends.file(session)
    rechecks.set(session, isAskedAgain ? { request, afterMs } : undefined)
    await this.#narrow(
      session,
      (name) => granted !== undefined && covers(granted, name as Pattern | Topic),
    )
    return !session.isClosed
  }

  async #narrow(session: Session, isGranted: IsGranted): Promise<void> {
    const { changes, clock } = this.#host
    try {
      // In the turn in which it got its permissions: what comes next is held against both.
      changes.refilter(session, filterOfHolder(session.owner))
      const narrowing = changes.narrow(session, isGranted)
      const removed = await within(narrowing, { clock, ms: controlMs, late: tooLate })
      if (removed.length === 0 || session.isClosed) return
      const { topics, patterns } = session.audience.topics
      const isOver = ![...topics, ...patterns].some(isGranted)
      if (isOver) this.#host.dismiss(session, 'forbidden')
    } catch (error) {
      // It must not go on with what it may not have. At the door it is held against its grant.
      const reason = error instanceof CodedError ? error.row.bye : undefined
      this.#host.dismiss(session, reason ?? 'forbidden')
      throw error
    }
  }
}

function requireSame({ owner }: Session, { user }: Grant): void {
  if (owner.rights === undefined) {
    throw new ServerError(
      'GRANT_MISSING',
      'The session has no grant: its application has chosen its topics, or everybody may everything. Its end is moved with setExpiry.',
    )
  }
  if (owner.user === user) return
  throw new ServerError(
    'USER_DIFFERS',
    'The grant is of another user than the session. Open a stream of its own for that user.',
  )
}

/** Until the smaller set is kept, the stream still gets what it may not have. */
function tooLate(): ServerError {
  return new ServerError(
    'LOG_UNAVAILABLE',
    `Topics that are not granted any more could not be taken out within ${controlMs} ms, so the stream has ended.`,
  )
}

/** The end of a grant that nobody can be asked about again. */
function endOf({ expiresAt, recheckAfterMs }: Grant, clock: Clock): number | undefined {
  if (recheckAfterMs === undefined) return expiresAt
  return Math.min(expiresAt ?? Infinity, clock.now() + recheckAfterMs)
}
