// Does publishing still lead to delivery? Tried, not guessed.

import type { FanOut } from '../fan-out/fan-out.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import type { NodeSettings } from '../node-settings.ts'
import { probeTopic } from '../request/reserved-topics.ts'

/**
 * Appends a probe; resolves to whether this node's tail handed it over within `timeoutMs`.
 * @throws ServerError `LOG_UNAVAILABLE`
 */
export async function probe(
  { clock, log }: NodeSettings,
  fanOut: FanOut,
  timeoutMs: number,
): Promise<boolean> {
  const [position] = await log
    .append({ events: [{ topic: probeTopic, data: '' }] })
    .catch(wrapLogError)
  if (position === undefined) return false
  const late = new AbortController()
  const timer = clock.after(timeoutMs, () => late.abort(), { isAwaited: true })
  const waited = new Promise<void>((resolve) =>
    late.signal.addEventListener('abort', () => resolve()),
  )
  await Promise.race([fanOut.reached(position, () => late.signal.aborted), waited])
  timer.cancel()
  return !late.signal.aborted
}
