// The sessions of one kind, of all nodes of a log: what this node tells of its own, and hears of the others'.

import type { Clock } from '@tidemark/log'
import type { HeldNodes } from './open-nodes.ts'
import type { Nodes, NodesMember } from './nodes.ts'
import { decodeChange } from './session-change.ts'
import type { SessionChange, ToldCodec, ToldSession } from './session-change.ts'
import { SessionTeller } from './session-teller.ts'

export interface SharedSessionsOptions<Told extends ToldSession> {
  readonly clock: Clock
  /** Its records have keys `<kind> <node>`. */
  readonly kind: string
  /** Other records of nodes that it hears: their keys begin so. */
  readonly others?: readonly string[] | undefined
  /** Whether it needs to know within seconds when a node has died. */
  readonly isFast: boolean
  readonly codec: ToldCodec<Told>
  /** All sessions of this node, the oldest first. */
  readonly list: () => Iterable<Told>
  /** A record of this node has come back: from now on all agree on it. */
  readonly heardOwn?: (change: SessionChange<Told>, time: number) => void
  /** Another node has told. Where `isAnew`, nothing that it told before holds any more. */
  readonly heardOther: (node: string, change: SessionChange<Told>, time: number) => void
  /** A node has gone with all its sessions. */
  readonly lostNode: (node: string) => void
  /** A record of `others`. */
  readonly heardRecord?: (kind: string, node: string, text: string) => void
  readonly onError: (error: unknown) => void
}

/** One kind of sessions. Nothing is written before `begin`. */
export class SharedSessions<Told extends ToldSession> {
  readonly #options: SharedSessionsOptions<Told>
  readonly #held: HeldNodes
  readonly #member: NodesMember
  readonly #teller: SessionTeller<Told>
  /** The number of the newest record of each other node whose sessions are known. */
  readonly #heard = new Map<string, number>()
  /** Other nodes whose sessions are not known as a whole, as far as this node has noticed. */
  readonly #missed = new Set<string>()
  /** Other nodes that have told all their sessions. */
  readonly #whole = new Set<string>()
  #hasBegun = false

  constructor(held: HeldNodes, options: SharedSessionsOptions<Told>) {
    const { clock, kind, isFast, others = [], onError } = options
    this.#options = options
    this.#held = held
    this.#teller = new SessionTeller({
      clock,
      list: options.list,
      encode: options.codec.encode,
      write: (text) => held.nodes.write(kind, text),
      onError,
    })
    this.#member = {
      kinds: [kind, ...others],
      isFast,
      heardNode: (node, news) => this.#hearNode(node, news),
      lostNode: (node) => this.#lose(node),
      heardRecord: (record) => {
        if (record.kind === kind) this.#hear(record.node, record.text, record.time)
        else options.heardRecord?.(record.kind, record.node, record.text)
      },
      isAskDue: () => [...this.#missed].some((node) => held.nodes.has(node)),
      wasForgotten: () => this.#hasBegun && this.#teller.tellAll(),
      failed: onError,
    }
    held.nodes.add(this.#member)
  }

  get nodes(): Nodes {
    return this.#held.nodes
  }

  /** Whether all sessions of all nodes that tell of this kind are known. */
  get isWhole(): boolean {
    return this.nodes.tellersOf(this.#options.kind).every((node) => this.#whole.has(node))
  }

  /** From now on this node is there, tells its sessions, and asks the others for theirs. */
  begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.nodes.begin(this.#member)
    if (!this.nodes.isAlone) this.#teller.tellAll()
  }

  /** A session of this node has opened. A node that is alone tells nobody. */
  opened(session: Told): void {
    if (this.#hasBegun && !this.nodes.isAlone) this.#teller.opened(session)
  }

  /** A session of this node is another way now. */
  changed(session: Told): void {
    if (this.#hasBegun && !this.nodes.isAlone) this.#teller.changed(session)
  }

  /** A session of this node has closed. */
  closed(id: string): void {
    if (this.#hasBegun && !this.nodes.isAlone) this.#teller.closed(id)
  }

  /** Says that this node is gone, if it tells of nothing else, and lets go of the log. */
  async close(): Promise<void> {
    this.#teller.stop()
    await this.nodes.remove(this.#member)
    this.#held.release()
  }

  #hearNode(node: string, { isAsking, isBack }: { isAsking: boolean; isBack: boolean }): void {
    if (!this.#hasBegun) return
    if (isAsking) this.#teller.tellAll()
    // It stood still, and does not know that its sessions were dropped here.
    if (isBack) this.#miss(node)
    if (this.#missed.has(node)) this.nodes.ask()
  }

  #lose(node: string): void {
    this.#heard.delete(node)
    this.#missed.delete(node)
    this.#whole.delete(node)
    this.#options.lostNode(node)
  }

  #hear(node: string, text: string, time: number): void {
    const { codec, heardOwn, heardOther } = this.#options
    const change = decodeChange(text, codec)
    if (change === undefined) return
    if (node === this.nodes.name) {
      heardOwn?.(change, time)
      return
    }
    // Of a node that is not there, as far as this one knows. It is asked when it is there again.
    if (!this.nodes.has(node)) {
      this.#miss(node)
      return
    }
    this.#count(node, change)
    heardOther(node, change, time)
  }

  #count(node: string, { number, isAnew, hasMore }: SessionChange<Told>): void {
    const heard = this.#heard.get(node)
    this.#heard.set(node, number)
    if (isAnew) this.#missed.delete(node)
    else if (heard === undefined || heard + 1 !== number) {
      this.#miss(node)
      this.nodes.ask()
    }
    if (hasMore) this.#whole.delete(node)
    else if (!this.#missed.has(node)) this.#whole.add(node)
  }

  #miss(node: string): void {
    this.#missed.add(node)
    this.#whole.delete(node)
  }
}
