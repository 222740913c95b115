// Reaches one session: checks what is asked here, and has it done where the session is.

import { formatCursor, parseTopicSet } from '@tidemark/log'
import { ServerError } from '../errors.ts'
import { controlChangeCharactersMax } from '../limits.ts'
import type { NodeSettings } from '../node-settings.ts'
import { toOwnEvent } from '../publish/new-event.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import { plainRequest } from '../request/authorize.ts'
import { requireUnreserved } from '../request/reserved-topics.ts'
import type { RequestFacts } from '../request/authorize.ts'
import type { SessionEvent, TopicChange } from '../session/session-handle.ts'
import { checkReason } from '../session/open-session.ts'
import { namesOf } from '../session/changed-topics.ts'
import { readChange } from '../session/topic-changes.ts'
import type { Asker, Command } from './command.ts'
import { readList, readMembers } from '../read-members.ts'
import type { RenewOptions, SessionReach } from './session-reach.ts'

/** Carries a command to a session. */
export type Carry = (session: string, command: Command) => Promise<boolean>

export class ReachedSession implements SessionReach {
  readonly id: string
  readonly #settings: NodeSettings
  readonly #by: RequestFacts | undefined
  readonly #carry: Carry

  constructor(
    id: string,
    host: {
      readonly settings: NodeSettings
      readonly by: RequestFacts | undefined
      readonly carry: Carry
    },
  ) {
    this.id = id
    this.#settings = host.settings
    this.#by = host.by
    this.#carry = host.carry
  }

  async send(given: SessionEvent): Promise<boolean> {
    const { eventBytesMax, clock } = this.#settings
    const { time: _, ...event } = toOwnEvent(given, { eventBytesMax, time: clock.now() })
    const asker = await this.#authorize('publish', event.topic === undefined ? [] : [event.topic])
    return this.#carry(this.id, { name: 'send', event, asker })
  }

  async changeTopics(given: TopicChange): Promise<boolean> {
    const { add, remove, from } = readChange(given)
    const change: TopicChange = {
      add: checkNames(add),
      remove: [...remove],
      from: from === undefined ? undefined : formatCursor(from),
    }
    const { length } = JSON.stringify(change)
    if (length > controlChangeCharactersMax) {
      throw new ServerError(
        'TOPIC_SET_INVALID',
        `A change of topics may have ${controlChangeCharactersMax} characters as JSON; got ${length}. Divide it.`,
      )
    }
    const asker = await this.#authorize('subscribe', change.add ?? [])
    return this.#carry(this.id, { name: 'change', change, asker })
  }

  async renew(given: RenewOptions): Promise<boolean> {
    const { by } = readMembers(given, ['by'], { code: 'OPTION_INVALID', what: 'A renewal' })
    const { permit } = this.#settings
    const request = plainRequest(by as RequestFacts, 'subscribe', [])
    if (permit === undefined) {
      throw new ServerError(
        'GRANT_MISSING',
        'Everybody may everything here (authorize: everyone), so that no session has a grant. Leave it out.',
      )
    }
    const { publish: _, subscribe, ...rest } = await permit.review(request)
    const what = { code: 'OPTION_INVALID', what: 'subscribe of a grant' } as const
    const grant = { ...rest, subscribe: subscribe && readList(subscribe, what) }
    const { length } = JSON.stringify(grant)
    if (length > controlChangeCharactersMax) {
      throw new ServerError(
        'OPTION_INVALID',
        `A grant for an open stream may have ${controlChangeCharactersMax} characters as JSON; got ${length}. Grant patterns.`,
      )
    }
    return this.#carry(this.id, { name: 'renew', grant })
  }

  async end(reason = 'ended'): Promise<void> {
    checkReason(reason)
    const asker = await this.#authorize('subscribe', [])
    await this.#carry(this.id, { name: 'end', reason, asker })
  }

  /**
   * A client adds topics to a stream, or sends it an event of a topic, by the right that it would need at the
   * door. An id may stand in the logs of a proxy. So the session's node is told who asks, but for those who
   * run the node.
   */
  async #authorize(
    action: 'publish' | 'subscribe',
    names: readonly string[],
  ): Promise<Asker | undefined> {
    const { permit } = this.#settings
    if (this.#by === undefined) return undefined
    if (permit === undefined) {
      if (action === 'subscribe') requireUnreserved(names)
      return undefined
    }
    const { user, permissions } = await permit.ask(plainRequest(this.#by, action, names))
    return permissions?.includes('admin') === true ? undefined : { user }
  }
}

function checkNames(names: readonly string[]): readonly string[] {
  if (names.length === 0) return []
  try {
    return namesOf(parseTopicSet(names))
  } catch (error) {
    return wrapLogError(error)
  }
}
