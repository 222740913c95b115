// How much memory a node needs to follow a topic set.

import type { TopicSet } from '@tidemark/log'
import {
  audienceOverheadBytes,
  nameOverheadBytes,
  patternSegmentBytes,
  textUnitBytes,
} from '../limits.ts'

/** Bytes of a topic set with its audience and its places in the registry, an estimate from above. */
export function measureTopicSet({ topics, patterns, key }: TopicSet): number {
  let segments = 0
  for (const pattern of patterns) segments += countSegments(pattern)
  return (
    audienceOverheadBytes +
    (topics.length + patterns.length) * nameOverheadBytes +
    segments * patternSegmentBytes +
    key.length * textUnitBytes
  )
}

function countSegments(pattern: string): number {
  let count = 1
  for (let at = pattern.indexOf('/'); at !== -1; at = pattern.indexOf('/', at + 1)) count += 1
  return count
}
