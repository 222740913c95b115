// What a decoder gives out.

/** An event as a browser's `EventSource` would dispatch it, with its other fields. */
export interface DecodedEvent {
  /** The last event id when the event was dispatched; of an earlier event when this one had none. */
  readonly id: string
  /** `message` when the event named none. */
  readonly type: string
  /** The `data` lines joined by LF. */
  readonly data: string
  /**
   * Lines of this event with other names (`topic:`, `key:`, `time:`); of a name given twice the last. At most 32.
   * A getter that makes the map when first asked: `{ ...event }` and `structuredClone(event)` leave it out.
   */
  readonly fields: ReadonlyMap<string, string> | undefined
}

/** What a decoder calls, in stream order, from within `push`. */
export interface DecoderHandler {
  event(event: DecodedEvent): void
  /** The server asks for this delay before a reconnect. Milliseconds, at most `Number.MAX_SAFE_INTEGER`. */
  retry?(ms: number): void
  /** A comment line, without the colon and one space after it. */
  comment?(text: string): void
  /** An `id` line without data moved the last event id. */
  id?(id: string): void
}
