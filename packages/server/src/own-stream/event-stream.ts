// The application's hold on a response that carries its own events: no hub, no log.

/** An event of the application's own. */
export interface StreamEvent {
  /** SSE event type; default `message`. Not `tidemark.…`, no line break. */
  readonly type?: string | undefined
  /** Text goes out as it is; anything else as JSON. 1 MiB at most. */
  readonly data: unknown
  /**
   * The `lastEventId` of a client that comes back. 1 to 1,024 characters of visible ASCII. Default:
   * none.
   */
  readonly id?: string | undefined
}

/** Where events come from one by one. Text is an event with that text as its data. */
export type StreamSource =
  | AsyncIterable<StreamEvent | string>
  | ReadableStream<StreamEvent>
  | ReadableStream<string>

/**
 * One open response. Events for a client that has left go nowhere, and nothing here rejects for that.
 */
export interface EventStream {
  /**
   * Sends an event. Resolves to true when the stream takes more: wait for that before the next event, and a
   * slow client holds up the sender. False: the client has left, or the stream is closed.
   *
   * Events that are sent without waiting are kept, up to 1,048,576 characters. If more waits, the stream is
   * cut, as if the client had left.
   * @throws ServerError `EVENT_INVALID`, `EVENT_TYPE_INVALID`, `EVENT_DATA_INVALID`, `EVENT_ID_INVALID`,
   * `EVENT_TOO_LARGE`
   */
  send(event: StreamEvent): Promise<boolean>
  /**
   * Sends a comment, which clients do not show to a page. Resolves like `send`.
   * @throws ServerError `EVENT_INVALID`, `EVENT_TOO_LARGE`
   */
  comment(text: string): Promise<boolean>
  /**
   * Tells the client how long to wait before it comes back. Milliseconds, a whole number from 0 up. Resolves
   * like `send`.
   * @throws ServerError `EVENT_INVALID`
   */
  retry(ms: number): Promise<boolean>
  /**
   * Sends the events of a source as fast as the client takes them. Resolves to true at the end of the source;
   * the stream stays open.
   *
   * When the client leaves, or the stream is closed, the source is told to stop. An iterator is told by
   * `return`, a `ReadableStream` by `cancel`, a stream of Node's by `destroy`. Once the source has stopped,
   * this resolves to false. Errors of the source are dropped from then on, because most of them say that
   * `signal` was aborted.
   *
   * Rejects with what the source throws while the client is there. The stream stays open, so that the
   * application can say so.
   * @throws ServerError like `send`, and `OPTION_INVALID` for what is no source
   */
  pipe(source: StreamSource): Promise<boolean>
  /**
   * Aborted when the response ends before the application has called `close`: the client has left, or
   * somebody has ended the response. Its reason is a ServerError `STREAM_CUT` where the stream was cut. Give
   * it to what makes the events.
   */
  readonly signal: AbortSignal
  /** The id of the last event that the client has got, as a client says that comes back; else undefined. */
  readonly lastEventId: string | undefined
  /** Ends the stream after what was sent. Resolves when the response is over. May be called again. */
  close(): Promise<void>
}
