// The key of a topic set: a hash, so that equal sets have equal keys on every node.

import type { TopicSet } from '@tidemark/log'
import { topicSetKeyCharactersMax } from '../limits.ts'
import { sha256 } from './sha256.ts'
import type { SetOrigin } from './topic-set-table.ts'

/** The key of a set as a request names it. */
export function hashTopicSet({ key }: TopicSet): string {
  return hash(key)
}

/** The key under which a set is kept: streams share it where what they were opened for is the same, too. */
export function hashKeptSet({ key }: TopicSet, { asked, owner }: SetOrigin): string {
  const whose = owner === undefined ? '' : JSON.stringify([owner.user, owner.session])
  // No name has a line break, and JSON has none.
  return hash(`${asked}\n${whose}\n${key}`)
}

/** 126 bits of SHA-256: two sets that share a key would be a stream of wrong topics, in silence. */
function hash(text: string): string {
  const base64 = btoa(String.fromCharCode(...sha256(text)))
  return base64.replaceAll('+', '-').replaceAll('/', '_').slice(0, topicSetKeyCharactersMax)
}
