// The topic in a path: `/topics/orders/42`, percent-decoded segment by segment.

import { quote } from '@tidemark/wire/values'
import { HubError } from './errors.ts'

/**
 * The topic of the part of a path behind `/topics/`, not yet checked as a topic. Decoding each segment
 * by itself keeps an encoded slash from changing which topic is meant.
 * @throws HubError `PATH_INVALID`
 */
export function decodeTopicPath(encoded: string = ''): string {
  return encoded.split('/').map(decodeSegment).join('/')
}

function decodeSegment(encoded: string): string {
  let segment: string
  try {
    segment = decodeURIComponent(encoded)
  } catch (error) {
    throw new HubError(
      'PATH_INVALID',
      `A topic in a path is UTF-8, percent-encoded segment by segment; got ${quote(encoded)}.`,
      { cause: error },
    )
  }
  if (segment.includes('/')) {
    throw new HubError(
      'PATH_INVALID',
      `An encoded slash in a topic is refused, because it would be another topic for every proxy on the way; got ${quote(encoded)}. Write the slash itself.`,
    )
  }
  return segment
}
