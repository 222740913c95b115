// Requests between the nodes of one log: this node asks others, and others ask this one.

import type { EventRecord } from '@tidemark/log'
import { controlTopic } from '@tidemark/log/values'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { controlAnswerMs, controlMs } from './limits.ts'
import type { NodeSettings } from '../node-settings.ts'
import { readMembers } from '../read-members.ts'
import { within } from '../within.ts'
import { carryOut } from './command.ts'
import type { Command } from './command.ts'
import { decodeControl } from './control-record.ts'
import { FarRequests } from './far-requests.ts'
import { NearRequests } from './near-requests.ts'
import type { FindSession } from './near-requests.ts'
import { ReachedSession } from './reached-session.ts'
import { isLateAfter } from '../session/is-late.ts'
import { nodeOf } from './session-id.ts'
import { sessionNotFound } from './session-not-found.ts'
import type { ReachOptions, SessionReach } from './session-reach.ts'
import { unreachable } from './unreachable.ts'

export class Control {
  readonly #settings: NodeSettings
  readonly #find: FindSession
  readonly #far: FarRequests
  readonly #near: NearRequests

  /** @param follow resolves when this node's tail hands over what is appended from now on */
  constructor(
    settings: NodeSettings,
    host: { readonly find: FindSession; readonly follow: () => Promise<unknown> },
  ) {
    this.#settings = settings
    this.#find = host.find
    this.#far = new FarRequests(settings, host.follow)
    this.#near = new NearRequests(settings, host.find)
  }

  /**
   * A session by its id, wherever it lives.
   * @throws ServerError `OPTION_INVALID`
   */
  reach(id: string, options: ReachOptions): SessionReach {
    if (typeof id !== 'string') {
      throw new ServerError(
        'OPTION_INVALID',
        `A session is reached by its id, a text; got ${quoteValue(id)}.`,
      )
    }
    const { by } = readMembers(options, ['by'], {
      code: 'OPTION_INVALID',
      what: 'The options of a reach',
    })
    const carry = (session: string, command: Command): Promise<boolean> =>
      this.#carry(session, command)
    return new ReachedSession(id, { settings: this.#settings, by, carry })
  }

  /**
   * Takes a record of the tail, in the middle of a flush. Most are of other topics. Of the rest most are
   * for other nodes.
   */
  take(record: EventRecord): void {
    if (record.topic !== controlTopic || record.key !== this.#settings.nodeName) return
    try {
      const read = decodeControl(record)
      if ('command' in read) this.#near.take(read, record)
      else this.#far.take(read)
    } catch (error) {
      this.#settings.onError(error)
    }
  }

  close(): void {
    this.#far.close()
  }

  async #carry(session: string, command: Command): Promise<boolean> {
    const node = nodeOf(session)
    if (node === undefined) throw sessionNotFound(session)
    if (node !== this.#settings.nodeName) return this.#far.ask(session, command)
    return this.#carryHere(session, command)
  }

  /** The caller gets the same deadline and the same outcomes as from another node. */
  async #carryHere(session: string, command: Command): Promise<boolean> {
    const { clock } = this.#settings
    const handle = this.#find(session, isLateAfter(controlMs, clock))
    if (handle === undefined) throw sessionNotFound(session)
    const late = (): ServerError => unreachable(session)
    const ms = controlMs + controlAnswerMs
    return within(carryOut(handle, command), { clock, ms, late }, { isAwaited: true })
  }
}
