// From an SSE event, in any framing, to the events of publishers in it.

import type { DecodedEvent } from '@tidemark/wire'
import type { ReceivedEvent } from './history.ts'
import type { TestSubscription } from './subscription.ts'

/** The data that publishers send; `fill` makes some events large. */
export interface Payload {
  readonly publisher: string
  readonly number: number
  readonly fill?: string | undefined
}

interface Envelope {
  readonly topic: string
  readonly data: Payload
}

/** The events in an SSE event; throws when it is not what the subscription's framing promises. */
export function readReceived(
  event: DecodedEvent,
  plan: TestSubscription,
): readonly ReceivedEvent[] {
  const { id: cursor } = event
  const toReceived = ({ topic, data }: Envelope): ReceivedEvent => {
    const { publisher, number } = data
    if (typeof publisher !== 'string' || typeof number !== 'number' || typeof topic !== 'string') {
      throw new Error(`The event at ${cursor} has no publisher, number or topic.`)
    }
    return { publisher, number, topic, cursor }
  }
  if (plan.shape === 'batch') return (JSON.parse(event.data) as Envelope[]).map(toReceived)
  const envelope: Envelope =
    plan.shape === 'envelope'
      ? (JSON.parse(event.data) as Envelope)
      : { topic: readTopic(event, plan), data: JSON.parse(event.data) as Payload }
  if (plan.isNamedByTopic && event.type !== envelope.topic) {
    throw new Error(`The event at ${cursor} is named ${event.type}, not ${envelope.topic}.`)
  }
  return [toReceived(envelope)]
}

/** A subscriber of one topic alone gets no topic line unless it asks for one. */
function readTopic(event: DecodedEvent, plan: TestSubscription): string {
  return event.fields?.get('topic') ?? plan.topics.join(' ')
}
