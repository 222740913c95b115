// A server of several nodes on one log, in memory and behind `fetch`: a test moves every byte and every
// node by hand.

import type { Fetch } from '../src/index.ts'
import { TopicIndex } from '../src/topic-index.ts'
import { turn } from './stream-server.ts'

export interface ModelRecord {
  readonly seq: number
  readonly topic: string
}

/** Four such events fill the queue of a feed that nobody reads. */
const padding = ' '.repeat(300_000)

/** One open stream. */
export class ModelSession {
  readonly topics: readonly string[]
  readonly node: number
  readonly cursor: string
  readonly since: string | undefined
  readonly #server: ModelServer
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  /** Everything of its topics up to this has been written. */
  #at: number

  constructor(server: ModelServer, request: { topics: string[]; cursor: string; since?: string }) {
    this.#server = server
    this.topics = request.topics
    this.cursor = request.cursor
    this.since = request.since
    this.node = server.nextNode()
    this.#at = server.startOf(this, request)
  }

  get isOpen(): boolean {
    return this.#controller !== undefined
  }

  open(signal: AbortSignal | null | undefined): Response {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller
      },
      cancel: () => this.#left(),
    })
    signal?.addEventListener('abort', () => this.#left())
    const data = `{"session":"s","cursor":"c${this.#at}","heartbeatMs":15000,"resumed":""}`
    this.#write(`id: c${this.#at}\nevent: tidemark.ready\ndata: ${data}\n\n`)
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }

  /** Writes as many of the next records as it may, as far as its node has heard of them. */
  pump(count: number): void {
    let text = ''
    for (let left = count; left > 0 && this.#at < this.#server.tailOf(this.node);) {
      const record = this.#server.records[this.#at]
      if (record === undefined) break
      this.#at = record.seq
      if (!this.takes(record)) continue
      text += `id: c${String(record.seq).padStart(this.#server.idDigits, '0')}\ntopic: ${record.topic}\ndata: ${record.seq}${record.topic === 'b' ? padding : ''}\n\n`
      left--
    }
    this.#write(text)
  }

  /** Leaves records out, as retention does. */
  skip(count: number): void {
    this.#at += count
  }

  beat(): void {
    this.#write(`id: c${this.#at}\nevent: tidemark.beat\ndata: {}\n\n`)
  }

  gap(): void {
    this.#write(`event: tidemark.gap\ndata: {"from":"a","to":"b","reason":"retention"}\n\n`)
  }

  cut(): void {
    this.#controller?.error(new Error('cut'))
    this.#left()
  }

  takes({ topic }: ModelRecord): boolean {
    return this.topics.some((wanted) => matches(wanted, topic))
  }

  #write(text: string): void {
    if (text !== '') this.#controller?.enqueue(new TextEncoder().encode(text))
  }

  #left(): void {
    this.#controller = undefined
  }
}

/** Nodes hear of records when a test says so: `hear`. */
export class ModelServer {
  readonly records: ModelRecord[] = []
  readonly sessions: ModelSession[] = []
  readonly #tails: number[]
  readonly #chooseNode: () => number
  /** Digits of an event's id, at least. */
  idDigits = 1
  /** Answers a request in place of a stream. */
  refuse: ((topics: readonly string[]) => Response | undefined) | undefined

  constructor(nodes = 1, chooseNode: () => number = () => 0) {
    this.#tails = Array<number>(nodes).fill(0)
    this.#chooseNode = chooseNode
  }

  get open(): ModelSession[] {
    return this.sessions.filter(({ isOpen }) => isOpen)
  }

  publish(...topics: string[]): void {
    for (const topic of topics) this.records.push({ seq: this.records.length + 1, topic })
  }

  hear(node: number, upTo: number = this.records.length): void {
    this.#tails[node] = Math.max(this.tailOf(node), Math.min(upTo, this.records.length))
  }

  tailOf(node: number): number {
    return this.#tails[node] ?? 0
  }

  nextNode(): number {
    return this.#chooseNode()
  }

  startOf(session: ModelSession, request: { cursor: string; since?: string }): number {
    const tail = this.tailOf(session.node)
    const { cursor, since = 'now' } = request
    if (cursor !== '') return Number(cursor.slice(1))
    if (since === 'earliest') return 0
    if (!since.startsWith('-')) return tail
    const known = this.records.slice(0, tail).filter((record) => session.takes(record))
    return (known.at(Number(since))?.seq ?? 1) - 1
  }

  readonly fetch: Fetch = async (url, init) => {
    const { searchParams } = new URL(url)
    const body = typeof init.body === 'string' ? JSON.parse(init.body) : {}
    const topics: string[] = body.topics ?? searchParams.getAll('topic')
    const since: string | undefined = body.since ?? searchParams.get('since') ?? undefined
    const cursor = new Headers(init.headers).get('last-event-id') ?? ''
    const refusal = this.refuse?.(topics)
    if (refusal !== undefined) return refusal
    const request = { topics, cursor, ...(since === undefined ? {} : { since }) }
    const session = new ModelSession(this, request)
    this.sessions.push(session)
    return session.open(init.signal)
  }

  /** All nodes have heard of everything, and all sessions have written it. */
  async flush(): Promise<void> {
    for (const node of this.#tails.keys()) this.hear(node)
    for (const session of this.open) session.pump(Infinity)
    await turns()
  }
}

/** Whether a subscription of this one topic or pattern gets what is published to `topic`. */
export function matches(wanted: string, topic: string): boolean {
  const index = new TopicIndex<true>()
  index.add(true, [wanted])
  return index.find(topic).size > 0
}

/** Until what was written has been read, and what that caused has begun. */
export async function turns(count = 8): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}
