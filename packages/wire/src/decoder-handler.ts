// The output of a decoder.

/** An event as a browser's `EventSource` would dispatch it, with its other fields. */
export interface DecodedEvent {
  /**
   * The last event id when the event was dispatched. If the event had none, it is that of an
   * earlier event.
   */
  readonly id: string
  /** `message` when the event named none. */
  readonly type: string
  /** The `data` lines joined by LF. */
  readonly data: string
  /**
   * Lines of this event with other names (`topic:`, `key:`, `time:`), at most 32. Of a name given
   * twice, the last counts. This getter makes the map when first used, so `{ ...event }` and
   * `structuredClone(event)` leave it out.
   */
  readonly fields: ReadonlyMap<string, string> | undefined
}

/** The functions that a decoder calls, in stream order, from within `push`. */
export interface DecoderHandler {
  event(event: DecodedEvent): void
  /** The server asks for this delay before a reconnect. Milliseconds, at most `Number.MAX_SAFE_INTEGER`. */
  retry?(ms: number): void
  /** A comment line, without the colon and one space after it. */
  comment?(text: string): void
  /** An `id` line without data moved the last event id. */
  id?(id: string): void
}
