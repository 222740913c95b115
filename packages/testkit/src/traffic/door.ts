// How a subscriber of a load test reaches a hub: what every transport does alike.

/** A stream to open. */
export interface StreamRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}

/** The receiver of a stream. */
export interface StreamListener {
  /** The head has arrived. Header names are in lower case. */
  opened(status: number, headers: ReadonlyMap<string, string>): void
  /** A part of the body, with transfer codings taken off. */
  bytes(chunk: Uint8Array): void
  /** Told of bytes that no server may send. The stream is cut after it. */
  broken(error: unknown): void
  /** It is over, however that came. Called once, last. */
  ended(): void
}

/** A stream that is being opened, or is open. */
export interface OpenedStream {
  /** Takes no more bytes from the system until `resume`. */
  pause(): void
  resume(): void
  /** Ends it without a word; `ended` follows. */
  cut(): void
}

/** One transport. */
export interface Door {
  open(request: StreamRequest, listener: StreamListener): OpenedStream
  /** Lets go of connections that streams share. */
  close(): void
}
