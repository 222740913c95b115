// The headers of every stream, whichever door it leaves by.

export type StreamHeaders = Readonly<Record<string, string>>

/** No cache keeps a stream, no proxy rewrites or buffers it. */
export const streamHeaders: StreamHeaders = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
}

/** Headers of a stream that is compressed. */
export const gzipStreamHeaders: StreamHeaders = {
  ...streamHeaders,
  'Content-Encoding': 'gzip',
  Vary: 'Accept-Encoding',
}
