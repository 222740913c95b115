// Every event of a load test, from the moment it is attempted: what subscribers get is looked up here.

import type { Attempt, ReceivedEvent } from '../traffic/history.ts'

/** An event, and what has become known of it. */
export interface BookedEvent {
  readonly publisher: string
  readonly number: number
  readonly topic: string
  readonly key: string | undefined
  /** Its SSE id, as the first subscriber with an id per event got it. */
  cursor: string | undefined
  /** Its place among all events of the log; -1 while that is unknown. */
  index: number
}

/** Attempted events by publisher and number. */
export class EventBook {
  readonly #byPublisher = new Map<string, BookedEvent[]>()

  add({ publisher, events }: Attempt): void {
    let booked = this.#byPublisher.get(publisher)
    if (booked === undefined) this.#byPublisher.set(publisher, (booked = []))
    for (const { number, topic, key } of events) {
      booked[number] = { publisher, number, topic, key, cursor: undefined, index: -1 }
    }
  }

  /** The event as it was attempted; undefined when it never was. */
  find({ publisher, number, topic }: Omit<ReceivedEvent, 'cursor'>): BookedEvent | undefined {
    const event = this.#byPublisher.get(publisher)?.[number]
    return event?.topic === topic ? event : undefined
  }
}

/** For messages. */
export function nameEvent({ publisher, number, topic, key }: BookedEvent): string {
  return `${publisher}:${number} ${topic}${key === undefined ? '' : `#${key}`}`
}
