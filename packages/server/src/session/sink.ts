// Where a session's bytes go: the edge between the engine and a door.

import type { Block } from '../framing/block.ts'
import type { PackText } from '../framing/packed.ts'

/** The listener by which the engine hears from a sink. */
export interface SinkListener {
  /** Everything that was written has left; more may be written. */
  drained(): void
  /** The client is gone, however it left. Called once, also after `end`. */
  closed(): void
}

/**
 * Puts gzip in front of a sink. Each block can be decoded as soon as it has arrived, and is compressed once
 * for all sinks that get it.
 */
export type Compress = (sink: Sink) => Sink

/** The ways in which a runtime can compress. */
export interface Compressors {
  readonly compress: Compress
  readonly pack: PackText
}

/**
 * One open response as the engine sees it. An error that it throws ends its own session and nobody else's.
 */
export interface Sink {
  /** Bytes that were written and have not left, if the sink can tell. */
  readonly bytesWaiting?: number
  /** Sends a block. False: the socket does not take more for now; nothing but a goodbye until `drained`. */
  write(block: Block): boolean
  /** Ends the response after what was written. */
  end(): void
  /** Cuts the connection, whatever is still waiting. */
  abort(): void
  /** Names the one listener. Told of a close that has already happened, too. */
  listen(listener: SinkListener): void
}
