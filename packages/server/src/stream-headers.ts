// The headers of every stream, whichever door it leaves by.

/** No cache keeps a stream, no proxy rewrites or buffers it. */
export const streamHeaders: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
}
