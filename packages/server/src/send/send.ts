// One event to whoever is meant: a session, users, a topic, or all sessions that something is true of.

import { quoteValue } from '@tidemark/wire/values'
import type { Control } from '../control/control.ts'
import { ServerError } from '../errors.ts'
import type { NodeSettings } from '../node-settings.ts'
import { toOwnEvent } from '../publish/new-event.ts'
import type { Copies, PublishOptions, Receipt } from '../publish/publish.ts'
import { readMembers } from '../read-members.ts'
import type { RequestFacts } from '../request/authorize.ts'
import type { SessionEvent } from '../session/session-handle.ts'
import { readTarget } from './send-target.ts'
import type { CheckedTarget, SendTarget } from './send-target.ts'
import { userTopic } from './user-topic.ts'

/** An event to whoever is meant. */
export interface SendEvent extends SessionEvent {
  /** As of an event to publish, for users and topics: the log keeps those. Default: it has no end. */
  readonly ttlMs?: number | undefined
}

/** The answer to a send. */
export type SendReceipt =
  /** The log has it: who is away gets it later. */
  | ({ readonly stored: true } & Receipt)
  /**
   * It is in no log. `sessions` of this node have taken it, or hold it until their stream begins. Other nodes
   * have been asked, and do not say how many theirs are.
   */
  | { readonly stored: false; readonly sessions: number }

/** The parts of a node that a send needs. */
export interface SendHost {
  readonly settings: NodeSettings
  readonly control: Control
  publishCopies(copies: Copies): Promise<Receipt>
  requirePermission(by: RequestFacts, name: string): Promise<void>
}

/** Sends. Errors: see {@link Tidemark.send}. */
export async function send(
  host: SendHost,
  given: { readonly to: SendTarget; readonly event: SendEvent },
  options: PublishOptions,
): Promise<SendReceipt> {
  const to = readTarget(given.to)
  const { by, ...stored } = readMembers(options, ['by', 'idempotencyKey', 'ifHead'], someOptions)
  if (to.kind === 'users' || to.kind === 'topic') {
    const { topics, event } = toCopies(to, given.event)
    const receipt = await host.publishCopies({ topics, event, options: { by, ...stored } })
    return { stored: true, ...receipt }
  }
  refuseConditions(stored)
  refuseEnd(given.event)
  if (to.kind === 'session') {
    const isSent = await host.control.reach(to.id, { by }).send(given.event)
    return { stored: false, sessions: isSent ? 1 : 0 }
  }
  const { eventBytesMax, clock } = host.settings
  const { time: _, ...event } = toOwnEvent(given.event, { eventBytesMax, time: clock.now() })
  if (by !== undefined) await host.requirePermission(by, 'admin')
  return { stored: false, sessions: await host.control.spread({ to: to.to, event }) }
}

const someOptions = { code: 'OPTION_INVALID', what: 'The options of a send' } as const

function toCopies(
  to: Extract<CheckedTarget, { readonly kind: 'topic' | 'users' }>,
  given: SendEvent,
): Pick<Copies, 'topics' | 'event'> {
  const { topic } = readMembers(given, ['topic'], {
    code: 'EVENT_INVALID',
    what: 'An event to send',
  })
  if (to.kind === 'users')
    return { topics: to.users.map((user) => userTopic(user, topic)), event: given }
  if (topic === undefined) return { topics: [to.topic], event: given }
  throw new ServerError(
    'TARGET_INVALID',
    `An event to a topic has no other topic; got ${quoteValue(topic)} beside the target. Leave one out.`,
  )
}

function refuseEnd(event: SendEvent): void {
  const { ttlMs } = readMembers(event, ['ttlMs'], {
    code: 'EVENT_INVALID',
    what: 'An event to send',
  })
  if (ttlMs === undefined) return
  throw new ServerError(
    'EVENT_INVALID',
    'An event to sessions is not stored, so it has no end. Leave ttl out, or send to users or a topic.',
  )
}

/** An event that is stored nowhere can neither be known by its key nor come behind a head. */
function refuseConditions({ idempotencyKey, ifHead }: PublishOptions): void {
  if (idempotencyKey !== undefined) {
    throw new ServerError(
      'IDEMPOTENCY_KEY_INVALID',
      'An event to sessions is not stored, so no idempotency key can tell a second one from the first. Leave the key out, or send to users or a topic.',
    )
  }
  if (ifHead === undefined) return
  throw new ServerError(
    'TARGET_INVALID',
    'An event to sessions is not stored, so it has no head to come behind. Leave ifHead out, or send to a topic.',
  )
}
