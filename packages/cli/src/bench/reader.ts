// A process that reads streams: it opens its share of the connections on schedule, counts,
// reports every second.

import { systemClock } from '@tidemark/client'
import type { Timer } from '@tidemark/client'
import { onSeconds, readMicros, secondOf } from './clock.ts'
import { hurriedSilentMs, settleAfterMsMax, settleLookMs, silentMs } from './limits.ts'
import { MarkerReader } from './marker.ts'
import type { Order, Published, ReaderResult, Report } from './messages.ts'
import { ReaderTally } from './reader-tally.ts'
import { SelfWatch } from './self-watch.ts'
import { Subscriber } from './subscriber.ts'
import { fillTemplate, nameTopic } from './target.ts'

type OpenOrder = Extract<Order, { kind: 'open' }>

/** The streams of one process. */
export class Reader {
  readonly #order: OpenOrder
  readonly #report: (report: Report) => void
  readonly #tally = new ReaderTally()
  readonly #watch = new SelfWatch()
  readonly #marker: MarkerReader
  readonly #subscribers: Subscriber[] = []
  readonly #seconds: Timer
  #ramp: Timer | undefined
  #settled = 0
  #isHurried = false

  constructor(order: OpenOrder, report: (report: Report) => void) {
    this.#order = order
    this.#report = report
    this.#marker = new MarkerReader(order.plan.runId)
    this.#seconds = onSeconds(order.originMicros, (second) => this.#reportSecond(second))
    this.#openDue()
  }

  /** Streams that are open now owe every event from the first on. */
  beginLoad(): void {
    this.#tally.beginLoad()
    for (const { sequences, isOpen } of this.#subscribers) if (isOpen) sequences.expectAll()
  }

  /** Waits for what is owed, then reports and closes everything. */
  finish(published: Published): void {
    this.#ramp?.cancel()
    const finishMicros = readMicros()
    const deadline = finishMicros + settleAfterMsMax * 1_000
    const look = (): void => {
      if (!this.#isOver(published, finishMicros) && readMicros() < deadline) {
        systemClock.after(settleLookMs, look)
        return
      }
      this.#seconds.cancel()
      this.#reportSecond(secondOf(this.#order.originMicros))
      this.#report({ kind: 'done', result: this.#sumUp(published) })
      for (const subscriber of this.#subscribers) subscriber.stop()
    }
    look()
  }

  /** From now on streams that are silent are not waited for, nor those that are not open. */
  hurry(): void {
    this.#isHurried = true
  }

  /**
   * Everything owed is here, or every stream is open and has been silent: what is missing then does not
   * come.
   */
  #isOver({ lastByTopic }: Published, finishMicros: number): boolean {
    const live = this.#subscribers.filter(({ hasFailed }) => !hasFailed)
    const isComplete = ({ sequences, topic }: Subscriber): boolean =>
      sequences.isComplete(lastByTopic[topic] ?? 0)
    const waitMicros = (this.#isHurried ? hurriedSilentMs : silentMs) * 1_000
    const silentSince = readMicros() - waitMicros
    // Silence before the end says nothing: little may have been published.
    if (finishMicros > silentSince) return live.every(isComplete)
    const heardMax = silentSince - this.#order.originMicros
    const isSilent = ({ isOpen, heardMicros }: Subscriber): boolean =>
      (isOpen || this.#isHurried) && heardMicros < heardMax
    return live.every(isComplete) || live.every(isSilent)
  }

  get #share(): number {
    const { plan, index } = this.#order
    return Math.ceil((plan.connections - index) / plan.processes)
  }

  /** Opens what is due by now: connection i after i × ramp, whatever became of those before. */
  #openDue(): void {
    const { plan, index, originMicros } = this.#order
    const elapsedMs = (readMicros() - originMicros) / 1_000
    while (this.#subscribers.length < this.#share) {
      const number = index + this.#subscribers.length * plan.processes
      const waitMs = number * plan.rampMs - elapsedMs
      if (waitMs > 0) {
        this.#ramp = systemClock.after(Math.ceil(waitMs), () => this.#openDue())
        return
      }
      this.#open(number)
    }
  }

  #open(number: number): void {
    const { plan, originMicros } = this.#order
    const topic = number % plan.topics
    const values = { topic: nameTopic(plan.runId, topic), i: number }
    const subscriber = new Subscriber({
      url: new URL(fillTemplate(plan.target.streamUrl, values)),
      address: plan.target.address,
      headers: plan.target.streamHeaders,
      topic,
      marker: this.#marker,
      originMicros,
      isPublished: plan.target.publish !== undefined,
      tally: this.#tally,
      onSettled: () => {
        this.#settled++
        if (this.#settled === this.#share) this.#report({ kind: 'settled' })
      },
    })
    this.#subscribers.push(subscriber)
    subscriber.start()
  }

  #reportSecond(second: number): void {
    this.#report({
      kind: 'second',
      second: { second, busy: this.#watch.look(), ...this.#tally.takeSecond() },
    })
  }

  #sumUp({ lastByTopic, failed }: Published): ReaderResult {
    const excused = new Set(failed)
    const tally = this.#tally
    const sums = { owed: 0, missing: 0, duplicated: 0, outOfOrder: 0 }
    for (const { sequences, topic } of this.#subscribers) {
      const missing = sequences.countMissing(lastByTopic[topic] ?? 0, (sequence) =>
        excused.has(`${topic}/${sequence}`),
      )
      sums.owed += sequences.received + missing
      sums.missing += missing
      sums.duplicated += sequences.duplicated
      sums.outOfOrder += sequences.outOfOrder
    }
    return {
      asked: this.#subscribers.length,
      opened: tally.opened,
      failures: tally.failures.toList(),
      reconnects: tally.reconnects,
      interruptions: tally.interruptions.toList(),
      connect: tally.connect.toSparse(),
      deliveries: tally.loadDeliveries,
      bytes: tally.loadBytes,
      otherEvents: tally.otherEvents,
      ...sums,
    }
  }
}
