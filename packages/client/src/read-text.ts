// The text of an answer's body, never more of it than the caller can use.

import { settle } from './settle.ts'

/**
 * The body's text up to `bytesMax`; what lies beyond is left unread and the connection let go. Aborting
 * `signal` ends the wait, also where the `fetch` that was handed in does not know the signal.
 * @throws what the body fails with, or the signal's reason
 */
export async function readText(
  response: Response,
  bytesMax: number,
  signal: AbortSignal,
): Promise<string> {
  const reader = response.body?.getReader()
  // Runtimes without streams (React Native) have read the whole body already.
  if (reader === undefined) return settle(response.text(), signal)
  const utf8 = new TextDecoder()
  let text = ''
  try {
    for (let left = bytesMax; left > 0;) {
      const { done, value } = await settle(reader.read(), signal)
      if (done) break
      text += utf8.decode(value.subarray(0, left), { stream: true })
      left -= value.length
    }
  } finally {
    // Not awaited: letting go may take as long as reading.
    void reader.cancel().catch(() => undefined)
  }
  return text
}
