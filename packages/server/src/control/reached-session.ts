// Reaches one session: checks what is asked here, and has it done where the session is.

import { parseTopicSet } from '@tidemark/log'
import { ServerError } from '../errors.ts'
import { controlChangeCharactersMax } from './limits.ts'
import type { NodeSettings } from '../node-settings.ts'
import { toOwnEvent } from '../publish/new-event.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import { plainRequest } from '../request/authorize.ts'
import { requireUnreserved } from '../request/reserved-topics.ts'
import type { RequestFacts } from '../request/authorize.ts'
import type { JoinOptions, SessionEvent, TopicChange } from '../session/session-handle.ts'
import { checkReason } from '../session/open-session.ts'
import { namesOf } from '../session/changed-topics.ts'
import { joinChange, readChange } from '../session/topic-change.ts'
import { askerOf } from './asker.ts'
import type { Asker } from './asker.ts'
import type { Command } from './command.ts'
import { readList, readMembers } from '../read-members.ts'
import type { RenewOptions, SessionReach } from './session-reach.ts'

/** A command for one session. */
export type SessionCommand = Exclude<Command, { readonly name: 'spread' | 'trace' }>

/** Carries a command to a session. */
export type Carry = (session: string, command: SessionCommand) => Promise<boolean>

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
    const topics = event.topic === undefined ? [] : [event.topic]
    const by = this.#by && (await this.#ask(this.#by, 'publish', topics))
    return this.#carry(this.id, { name: 'send', by, act: { event } })
  }

  async changeTopics(given: TopicChange): Promise<boolean> {
    const { add, remove, sinceText } = readChange(given)
    const change: TopicChange = { add: checkNames(add), remove: [...remove], ...sinceText }
    const { length } = JSON.stringify(change)
    if (length > controlChangeCharactersMax) {
      throw new ServerError(
        'TOPIC_SET_INVALID',
        `A change of topics may have ${controlChangeCharactersMax} characters as JSON; got ${length}. Divide it.`,
      )
    }
    const by = await this.#authorize(change.add ?? [])
    return this.#carry(this.id, { name: 'change', by, act: { change } })
  }

  async join(topic: string, options?: JoinOptions): Promise<boolean> {
    return this.changeTopics(joinChange(topic, options))
  }

  async leave(topic: string): Promise<boolean> {
    return this.changeTopics({ remove: [topic] })
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
    return this.#carry(this.id, { name: 'renew', act: { grant } })
  }

  async end(reason = 'ended'): Promise<void> {
    checkReason(reason)
    const by = await this.#authorize([])
    await this.#carry(this.id, { name: 'end', by, act: { reason } })
  }

  /** A client adds topics to a stream by the right by which it subscribes to them at the door. */
  async #authorize(names: readonly string[]): Promise<Asker | undefined> {
    if (this.#by === undefined) return undefined
    if (this.#settings.permit === undefined) requireUnreserved(names)
    return this.#ask(this.#by, 'subscribe', names)
  }

  /** Undefined where everybody may everything. */
  async #ask(
    by: RequestFacts,
    action: 'publish' | 'subscribe',
    names: readonly string[],
  ): Promise<Asker | undefined> {
    const { permit } = this.#settings
    return permit && askerOf(await permit.ask(plainRequest(by, action, names)))
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
