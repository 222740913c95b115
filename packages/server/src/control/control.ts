// Requests between the nodes of one log: this node asks others, and others ask this one.

import type { EventRecord } from '@tidemark/log'
import { controlTopic } from '@tidemark/log/values'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { controlAnswerMs, controlMs } from './limits.ts'
import type { NodeSettings } from '../node-settings.ts'
import { readMembers } from '../read-members.ts'
import { Spreader } from '../send/spreader.ts'
import type { SpreadAct } from '../send/spreader.ts'
import type { SessionRegistry } from '../session/session-registry.ts'
import { within } from '../within.ts'
import { carryOut } from './command.ts'
import type { CommandNode, FindSession } from './command.ts'
import { decodeControl, everyNode } from './control-record.ts'
import { FarRequests } from './far-requests.ts'
import { NearRequests } from './near-requests.ts'
import { ReachedSession } from './reached-session.ts'
import type { Carry, SessionCommand } from './reached-session.ts'
import { isLateAfter } from '../session/is-late.ts'
import { nodeOf } from './session-id.ts'
import { sessionNotFound } from './session-not-found.ts'
import type { ReachOptions, SessionReach } from './session-reach.ts'
import { Tracer, readEvent } from '../trace/tracer.ts'
import type { LagRules } from '../catch-up/lag-rules.ts'
import type { FanOut } from '../fan-out/fan-out.ts'
import type { Trace, TraceQuestion } from '../trace/trace.ts'
import { unreachable } from './unreachable.ts'

const aTrace = { code: 'QUERY_INVALID', what: 'The question of a trace' } as const

export class Control {
  readonly #settings: NodeSettings
  readonly #node: CommandNode
  readonly #far: FarRequests
  readonly #near: NearRequests

  constructor(
    settings: NodeSettings,
    host: {
      readonly find: FindSession
      readonly sessions: SessionRegistry
      readonly lagRules: LagRules
      /** Resolves when this node's tail hands over what is appended from now on. */
      readonly follow: () => Promise<FanOut>
    },
  ) {
    this.#settings = settings
    const spreader = new Spreader(settings, host.sessions)
    const tracer = new Tracer(settings, { ...host, start: host.follow })
    this.#node = {
      find: host.find,
      spread: (act, isLate) => spreader.spread(act, isLate),
      trace: (question) => tracer.trace(question),
    }
    this.#far = new FarRequests(settings, host.follow)
    this.#near = new NearRequests(settings, this.#node, (answer) => this.#far.take(answer))
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
    return new ReachedSession(id, { settings: this.#settings, by, carry: this.#carry })
  }

  /**
   * Takes a record of the tail, in the middle of a flush. Most are of other topics. Of the rest most are
   * for other nodes.
   */
  take(record: EventRecord): void {
    if (record.topic !== controlTopic) return
    if (record.key !== this.#settings.nodeName && record.key !== everyNode) return
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

  /**
   * Asks every node of the log, this one included, to write an event to sessions. Resolves to how many of
   * this node take it.
   * @throws ServerError `LOG_UNAVAILABLE`, `FULL`; `SESSION_UNREACHABLE` where this node is late itself
   */
  async spread(act: SpreadAct): Promise<number> {
    return (await this.#far.ask(undefined, { name: 'spread', act })) as number
  }

  /**
   * Asks the node of a session what became of an event there.
   * @throws ServerError `QUERY_INVALID`, `SESSION_NOT_FOUND`, `SESSION_UNREACHABLE`, `LOG_UNAVAILABLE`,
   * `FULL`
   */
  async trace(given: TraceQuestion): Promise<Trace> {
    const { event, session } = readMembers(given, ['event', 'session'], aTrace)
    readEvent(event ?? '')
    const node = typeof session === 'string' ? nodeOf(session) : undefined
    if (node === undefined) throw sessionNotFound(session ?? '')
    const question = { event: event ?? '', session: session ?? '' }
    if (node === this.#settings.nodeName) return this.#node.trace(question)
    const answer = await this.#far.ask(question.session, { name: 'trace', act: question })
    return answer as Trace
  }

  readonly #carry: Carry = async (session, command) => {
    const node = nodeOf(session)
    if (node === undefined) throw sessionNotFound(session)
    if (node !== this.#settings.nodeName) return (await this.#far.ask(session, command)) as boolean
    return this.#carryHere(session, command)
  }

  /** The caller gets the same deadline and the same outcomes as from another node. */
  async #carryHere(session: string, command: SessionCommand): Promise<boolean> {
    const { clock } = this.#settings
    const isLate = isLateAfter(controlMs, clock)
    const late = (): ServerError => unreachable(session)
    const ms = controlMs + controlAnswerMs
    const done = carryOut(this.#node, command, { session, isLate })
    return within(done, { clock, ms, late }, { isAwaited: true })
  }
}
