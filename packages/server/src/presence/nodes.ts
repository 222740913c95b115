// The nodes of a log that tell each other of their sessions, as one of them sees it.
//
// Each says in a ledger that it is there. All kinds of sessions of a process share that entry and the ledger.

import { openLedger } from '@tidemark/log'
import type { Clock, EventLog, Ledger, LedgerChange, Timer } from '@tidemark/log'
import { nodeExpiryMs, nodeFastRefreshMs, nodeLookMs, nodeSilentPauses } from './limits.ts'
import { NodePresence } from './node-presence.ts'
import { decodeWord } from './node-word.ts'
import type { NodeWord } from './node-word.ts'

export interface NodesOptions {
  readonly clock: Clock
  /** The name that session ids of this node begin with. */
  readonly node: string
  /** Told of faults of the ledger itself. */
  readonly onError: (error: unknown) => void
}

/** One kind of sessions, as it hears of the nodes. */
export interface NodesMember {
  /** Its records have keys `<kind> <node>`; the first kind is the one that it tells of. */
  readonly kinds: readonly [string, ...string[]]
  /** Whether it needs to know soon when a node has died. */
  readonly isFast: boolean
  /** Another node has said that it is there. */
  heardNode(node: string, news: { readonly isAsking: boolean; readonly isBack: boolean }): void
  /** A node has gone, with all its sessions. */
  lostNode(node: string): void
  heardRecord(record: {
    readonly kind: string
    readonly node: string
    readonly text: string
    /** Milliseconds since 1970, by the log. */
    readonly time: number
  }): void
  isAskDue(): boolean
  /** Others have taken this node for gone. */
  wasForgotten(): void
  failed(error: unknown): void
}

/** Another node that is there. */
interface OtherNode {
  word: NodeWord
  /** For so many milliseconds nothing was heard of it. */
  silentMs: number
}

/** The nodes of a log. One object for all that one node tells. */
export class Nodes {
  readonly name: string
  readonly #clock: Clock
  readonly #ledger: Ledger<string>
  readonly #presence: NodePresence
  readonly #others = new Map<string, OtherNode>()
  /** Other nodes that were there, by name: not more than processes that have ended. */
  readonly #gone = new Set<string>()
  /** Those that have begun are true. */
  readonly #members = new Map<NodesMember, boolean>()
  #look: Timer | undefined
  #lookedAt = 0

  private constructor(ledger: Ledger<string>, { clock, node }: NodesOptions) {
    this.name = node
    this.#clock = clock
    this.#ledger = ledger
    const members = (): NodesMember[] => [...this.#members.keys()]
    this.#presence = new NodePresence({
      ledger,
      clock,
      node,
      describe: () => this.#describe(),
      isAlone: () => this.isAlone,
      isAskDue: () => members().some((member) => member.isAskDue()),
      onForgotten: () => members().forEach((member) => member.wasForgotten()),
      onError: (error) => members().forEach((member) => member.failed(error)),
    })
    for (const { key, value } of ledger.entries()) {
      const [kind, other] = split(key)
      if (kind === 'node') this.#add(other, decodeWord(value))
    }
    ledger.onChange((change) => this.#hear(change))
  }

  /** Reads which nodes are there. Writes nothing. */
  static async open(log: EventLog, options: NodesOptions): Promise<Nodes> {
    const { clock, onError } = options
    const codec = { encode: (text: string) => text, decode: (text: string) => text }
    const ledger = await openLedger(log, 'nodes', { codec, clock, onError })
    return new Nodes(ledger, options)
  }

  /** Whether no other node is there. */
  get isAlone(): boolean {
    return this.#others.size === 0
  }

  /** Whether another node, or this one, is there. */
  has(node: string): boolean {
    return node === this.name || this.#others.has(node)
  }

  /** The other nodes that tell sessions of a kind. */
  tellersOf(kind: string): readonly string[] {
    return [...this.#others].flatMap(([name, { word }]) => (word.tells.includes(kind) ? name : []))
  }

  add(member: NodesMember): void {
    this.#members.set(member, false)
  }

  /** From now on the node is there, and the member asks for the sessions of others. */
  begin(member: NodesMember): void {
    if (this.#members.get(member) !== false) return
    this.#members.set(member, true)
    this.#presence.begin()
  }

  /** Asks the others a little later. */
  ask(): void {
    this.#presence.ask()
  }

  /** Writes a record of this node, which is for `keptMs`. */
  write(kind: string, text: string, keptMs: number = nodeExpiryMs.alone): Promise<unknown> {
    const expiresAt = this.#clock.now() + keptMs
    return this.#ledger.set(`${kind} ${this.name}`, text, { expiresAt })
  }

  /**
   * The member tells nothing any more. With the last one the node has gone, and resolves when others can read
   * it.
   */
  async remove(member: NodesMember): Promise<void> {
    const hadBegun = this.#members.get(member) === true
    this.#members.delete(member)
    if (!hadBegun) return
    if ([...this.#members.values()].includes(true)) this.#presence.hurry()
    else await this.#presence.end()
  }

  /** Lets go of the log. Members must have been removed before. */
  close(): void {
    this.#look?.cancel()
    this.#ledger.close()
  }

  #describe(): Pick<NodeWord, 'everyMs' | 'tells'> {
    const begun = [...this.#members].flatMap(([member, hasBegun]) => (hasBegun ? member : []))
    return {
      everyMs: begun.some(({ isFast }) => isFast) ? nodeFastRefreshMs : undefined,
      tells: begun.map(({ kinds }) => kinds[0]),
    }
  }

  #hear({ key, value, before, time }: LedgerChange<string>): void {
    const [kind, node] = split(key)
    if (kind !== 'node') {
      if (value === undefined) return
      for (const member of this.#members.keys())
        if (member.kinds.includes(kind)) member.heardRecord({ kind, node, text: value, time })
    } else if (node === this.name) return
    // This one is there, whatever others have made of its silence.
    else if (value === undefined) this.#lose(node)
    else this.#hearNode(node, decodeWord(value), before)
  }

  #hearNode(node: string, word: NodeWord, before: string | undefined): void {
    const wasAlone = this.isAlone
    // To nobody nothing was told, and a node that stood still does not know that it was taken for gone.
    const isAsking = wasAlone || before === undefined || decodeWord(before).askedAt !== word.askedAt
    const isBack = this.#gone.delete(node)
    this.#add(node, word)
    if (wasAlone && this.#presence.hasBegun) this.#presence.hurry()
    for (const member of this.#members.keys()) member.heardNode(node, { isAsking, isBack })
  }

  #add(node: string, word: NodeWord): void {
    if (node === this.name) return
    this.#others.set(node, { word, silentMs: 0 })
    if (word.everyMs !== undefined) this.#lookLater()
  }

  #lose(node: string): void {
    if (!this.#others.delete(node)) return
    this.#gone.add(node)
    for (const member of this.#members.keys()) member.lostNode(node)
  }

  #lookLater(): void {
    if (this.#look !== undefined) return
    this.#lookedAt = this.#clock.elapsed()
    this.#look = this.#clock.after(nodeLookMs, () => this.#lookForSilent())
  }

  /** Only those that speak often count as gone before the end of their entry. */
  #lookForSilent(): void {
    this.#look = undefined
    // While this node stood still it could hear nobody.
    const passedMs = Math.min(this.#clock.elapsed() - this.#lookedAt, 2 * nodeLookMs)
    for (const [node, other] of this.#others) {
      const { everyMs } = other.word
      if (everyMs === undefined) continue
      other.silentMs += passedMs
      if (other.silentMs > nodeSilentPauses * everyMs) this.#lose(node)
      else this.#lookLater()
    }
  }
}

function split(key: string): readonly [kind: string, node: string] {
  const end = key.indexOf(' ')
  return [key.slice(0, end), key.slice(end + 1)]
}
