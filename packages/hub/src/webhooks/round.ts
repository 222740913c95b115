// One round: the messages that are due, each topic's one after another, a few topics at a time.

import type { Outcome } from './post-message.ts'
import type { Message } from './message.ts'
import { topicsAtOnceMax } from './limits.ts'

/** The two ways in which a round acts. */
export interface RoundParts {
  /** One attempt. Never rejects. */
  readonly attempt: (message: Message) => Promise<Outcome>
  /** Told of each attempt when it is over; answers whether others may begin. */
  readonly told: (message: Message, outcome: Outcome) => boolean
}

/**
 * Delivers messages in their order within each topic. A topic whose message was not delivered waits, and
 * nothing begins any more once `told` says so. Resolves when no attempt is under way.
 */
export async function runRound(
  messages: readonly Message[],
  { attempt, told }: RoundParts,
): Promise<void> {
  const lines = new Map<string, Message[]>()
  for (const message of messages) {
    const line = lines.get(message.topic)
    if (line === undefined) lines.set(message.topic, [message])
    else line.push(message)
  }
  const waiting = [...lines.values()]
  let mayBegin = true
  const work = async (): Promise<void> => {
    for (let line = waiting.shift(); line !== undefined && mayBegin; line = waiting.shift()) {
      for (const message of line) {
        if (!mayBegin) return
        const outcome = await attempt(message)
        mayBegin = told(message, outcome) && mayBegin
        if (outcome.kind !== 'delivered') break
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(topicsAtOnceMax, waiting.length) }, work))
}
