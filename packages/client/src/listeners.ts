// The listeners of a feed, by name.

import { quoteValue } from '@tidemark/wire/values'
import { ClientError } from './errors.ts'
import type { FeedEvent, FeedSignals } from './feed.ts'

/** Names with this prefix belong to the protocol. */
const reservedPrefix = 'tidemark.'

/** The hub's own types that are events of a topic: they have a place, and listeners as published ones. */
const topicTypes: ReadonlySet<string> = new Set(['tidemark.join', 'tidemark.leave'])

/** Whether a type is about the connection, and no event of a topic. */
export function isControlType(type: string): boolean {
  return type.startsWith(reservedPrefix) && !topicTypes.has(type)
}

const signalNames: Readonly<Record<keyof FeedSignals, true>> = {
  'tidemark.state': true,
  'tidemark.ready': true,
  'tidemark.gap': true,
  'tidemark.bye': true,
}

type Call = (first: unknown, second?: FeedEvent) => void

/** Listeners by name: those of the connection and those of event types. */
export class Listeners {
  readonly #byName = new Map<string, Set<{ readonly call: Call }>>()
  #eventListeners = 0
  #all = 0

  /** Whether anybody hears anything. */
  get hasListeners(): boolean {
    return this.#all > 0
  }

  /** Whether anybody takes published events. */
  get hasEventListeners(): boolean {
    return this.#eventListeners > 0
  }

  add(name: string, call: Call): () => void {
    // Callers without types hand in anything; what is not callable would throw outside of every `try`,
    // an event later.
    if (typeof call !== 'function') {
      throw new ClientError(
        'LISTENER_INVALID',
        `A listener must be a function; got ${quoteValue(call)}.`,
      )
    }
    const isText = typeof name === 'string'
    const isReserved = isText && isControlType(name)
    if (!isText || (isReserved && !Object.hasOwn(signalNames, name))) {
      const known = Object.keys(signalNames).join(', ')
      throw new ClientError(
        'LISTENER_INVALID',
        `${quoteValue(name)} is nothing a feed tells. It tells ${known}; other names are types of events.`,
      )
    }
    const entry = { call }
    const entries = this.#byName.get(name) ?? new Set()
    this.#byName.set(name, entries.add(entry))
    this.#all++
    if (!isReserved) this.#eventListeners++
    return () => {
      if (!entries.delete(entry)) return
      this.#all--
      if (!isReserved) this.#eventListeners--
      if (entries.size === 0 && this.#byName.get(name) === entries) this.#byName.delete(name)
    }
  }

  signal<Name extends keyof FeedSignals>(name: Name, value: FeedSignals[Name]): void {
    this.#call(name, value)
  }

  event(event: FeedEvent): void {
    this.#call(event.type, event.data, event)
  }

  #call(name: string, first: unknown, second?: FeedEvent): void {
    const entries = this.#byName.get(name)
    if (entries === undefined) return
    // A listener added meanwhile hears the next one: adding itself again must not go on forever.
    const present = [...entries]
    for (const entry of present) {
      // A listener that another one has removed meanwhile hears no more, as with `EventTarget`.
      if (entries.has(entry)) callSafely(() => entry.call(first, second))
    }
  }
}

/** Calls what a caller handed in. Its fault must neither stop others nor look like a broken connection. */
export function callSafely(call: () => void): void {
  try {
    call()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
