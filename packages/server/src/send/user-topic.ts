// The topics of one user: below `users/{user}/`, where default grants let that user read.

import { parseTopic } from '@tidemark/log'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { wrapLogError } from '../refusal/log-faults.ts'

/** Where an event to a user goes that names no topic. */
const inbox = 'inbox'

/**
 * The topic of an event to a user.
 * @throws ServerError `USER_INVALID`, `TOPIC_INVALID`
 */
export function userTopic(user: string, topic: string = inbox): string {
  requireSegment(user)
  if (typeof topic !== 'string') {
    throw new ServerError(
      'TOPIC_INVALID',
      `The topic of an event to a user is a text such as ${inbox}; got ${quoteValue(topic)}.`,
    )
  }
  const name = `users/${user}/${topic}`
  try {
    return parseTopic(name)
  } catch (error) {
    return wrapLogError(error)
  }
}

/** A user in a topic must be one plain segment: `*` would be everybody, and `a/b` somebody else. */
function requireSegment(user: string): void {
  if (typeof user === 'string' && !user.includes('/') && !user.startsWith('$') && isTopic(user))
    return
  throw new ServerError(
    'USER_INVALID',
    `An event to a user goes to the topics users/{user}/…, so the user is one plain segment of a topic, without /, * and a leading $; got ${quoteValue(user)}. Publish to a topic of another form, or address a label.`,
  )
}

function isTopic(text: string): boolean {
  try {
    parseTopic(text)
    return true
  } catch {
    return false
  }
}
