// The headers of every stream, whichever door it leaves by.

export type StreamHeaders = Readonly<Record<string, string>>

/** On every answer: no browser takes what somebody published for a page or a script. */
export const plainHeaders: StreamHeaders = { 'X-Content-Type-Options': 'nosniff' }

/** No cache keeps a stream, no proxy rewrites or buffers it. */
export const streamHeaders: StreamHeaders = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
  ...plainHeaders,
}

/** Headers of a stream that is compressed. */
export const gzipStreamHeaders: StreamHeaders = {
  ...streamHeaders,
  'Content-Encoding': 'gzip',
  Vary: 'Accept-Encoding',
}
