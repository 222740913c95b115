// Topics that get their first session, and that have lost their last one, as records for webhooks. Each is
// told once, by whichever node, and in turns.
//
// A ledger has an entry for each topic that was told to be occupied. The entry is deleted together with the
// record that the topic is vacated. A session that is back before that cancels it.

import { LogError, openLedger, parseTopic } from '@tidemark/log'
import type { Clock, EventLog, Ledger, NewEvent, Topic } from '@tidemark/log'
import { DueTimes } from '@tidemark/server/hub'
import type { PresentTopics } from '@tidemark/server/hub'
import { drawId } from './draw-id.ts'
import { hooksPrefix, shardOf } from './hub-events.ts'
import { othersTellMs, vacatedAfterMs } from './limits.ts'

/** Below it are events of topics. */
export const topicTopics: string = `${hooksPrefix}topics/*`

export interface TopicEventsOptions {
  readonly log: EventLog
  readonly clock: Clock
  readonly random: () => number
  readonly present: PresentTopics
  readonly onError: (error: unknown) => void
}

/** A topic that is told to be occupied. The id names this stay. */
interface Stay {
  readonly id: string
}

const stays = {
  encode: ({ id }: Stay): string => JSON.stringify({ id }),
  decode(text: string): Stay {
    const { id } = JSON.parse(text) as Partial<Stay>
    if (typeof id === 'string') return { id }
    throw new TypeError('This is no topic that is occupied.')
  },
}

/** Looks after all topics where presence is on. */
export class TopicEvents {
  readonly #options: TopicEventsOptions
  readonly #ledger: Ledger<Stay>
  readonly #due: DueTimes<Topic>
  /** Topics of which something is being written. */
  readonly #busy = new Set<Topic>()
  /** Topics with sessions that the ledger had no room for, the first of them first. */
  readonly #left = new Set<Topic>()
  readonly #unfollow: () => void
  /** An error was told, and nothing was written since. */
  #isFailing = false
  #isClosed = false

  private constructor(ledger: Ledger<Stay>, options: TopicEventsOptions) {
    this.#options = options
    this.#ledger = ledger
    this.#due = new DueTimes(options.clock, (topic) => void this.#act(topic))
    this.#unfollow = options.present.onTopic((topic, isOwn) => {
      if (topic === undefined) this.#lookAtAll()
      else this.#look(topic, isOwn)
    })
    // The topic may have sessions again while another node told that it has none.
    ledger.onChange(({ key, value }) => {
      this.#look(parseTopic(key), false)
      if (value === undefined) this.#takeNext()
    })
    this.#lookAtAll()
  }

  static async open(options: TopicEventsOptions): Promise<TopicEvents> {
    const { log, clock, onError } = options
    return new TopicEvents(
      await openLedger(log, 'occupied', { codec: stays, clock, onError }),
      options,
    )
  }

  close(): void {
    this.#isClosed = true
    this.#unfollow()
    this.#due.stop()
    this.#ledger.close()
  }

  #lookAtAll(): void {
    for (const topic of this.#options.present.topics()) this.#look(topic, false)
    for (const { key } of this.#ledger.entries()) this.#look(parseTopic(key), false)
  }

  /** The node with the session tells of it at once. Others do if it has not come to it. */
  #look(topic: Topic, isOwn: boolean): void {
    if (this.#isClosed) return
    const { clock, present, random } = this.#options
    const isThere = (present.count(topic) ?? 0) > 0
    const isTold = this.#ledger.get(topic) !== undefined
    if (isThere === isTold) this.#left.delete(topic)
    if (isThere === isTold) return this.#due.delete(topic)
    if (isThere && isOwn) return void this.#act(topic)
    if (this.#due.get(topic) !== undefined) return
    const waitMs = isThere ? othersTellMs : vacatedAfterMs
    this.#due.add(topic, clock.now() + waitMs + random() * othersTellMs)
  }

  async #act(topic: Topic): Promise<void> {
    if (this.#busy.has(topic) || this.#isClosed) return
    this.#busy.add(topic)
    try {
      const stay = this.#ledger.get(topic)
      const count = this.#options.present.count(topic)
      if (stay === undefined && count !== undefined && count > 0) await this.#tellOccupied(topic)
      if (stay !== undefined && count === 0) await this.#tellVacated(topic, stay)
      this.#isFailing = false
    } catch (error) {
      // A full ledger stays so until a topic is vacated.
      if (this.#fail(error)) {
        this.#left.add(topic)
        return void this.#busy.delete(topic)
      }
    }
    this.#busy.delete(topic)
    this.#look(topic, false)
  }

  /** The ledger has room for one that it had to leave out. */
  #takeNext(): void {
    const { present } = this.#options
    for (const topic of this.#left) {
      this.#left.delete(topic)
      const isOwed = (present.count(topic) ?? 0) > 0 && this.#ledger.get(topic) === undefined
      if (isOwed && !this.#busy.has(topic)) return void this.#act(topic)
    }
  }

  /** Answers whether it is of no use to try again now. */
  #fail(error: unknown): boolean {
    if (!this.#isFailing && !this.#isClosed) this.#options.onError(error)
    this.#isFailing = true
    return error instanceof LogError && error.code === 'LEDGER_FULL'
  }

  async #tellOccupied(topic: Topic): Promise<void> {
    const { random } = this.#options
    const { isWon, value } = await this.#ledger.claim(topic, { id: drawId(random) })
    if (isWon) await this.#complete(topic, value)
  }

  /** The record that it is occupied; its node may have died between the claim and this. */
  async #complete(topic: Topic, { id }: Stay): Promise<void> {
    await this.#options.log.append({
      events: [toEvent(topic, 'topic.occupied')],
      idempotencyKey: `${hooksPrefix}occupied/${id}`,
    })
  }

  async #tellVacated(topic: Topic, stay: Stay): Promise<void> {
    const { log, present } = this.#options
    // A node that stood still hears first what has happened meanwhile.
    const { head } = await log.bounds()
    await this.#ledger.reached(head)
    if (this.#ledger.get(topic)?.id !== stay.id || present.count(topic) !== 0) return
    await this.#complete(topic, stay)
    const [position] = await log.append({
      events: [this.#ledger.deletion(topic), toEvent(topic, 'topic.vacated')],
      idempotencyKey: `${hooksPrefix}vacated/${stay.id}`,
    })
    if (position !== undefined) await this.#ledger.reached(position)
  }
}

/** The same from each node, so that a second one writes nothing. The key is the topic that it is of. */
function toEvent(topic: Topic, type: string): NewEvent {
  return {
    topic: parseTopic(`${hooksPrefix}topics/${shardOf(topic)}`),
    type,
    key: topic,
    data: JSON.stringify({ topic }),
  }
}
