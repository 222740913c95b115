// An entry of the ledger of presence: a user whose join a topic has been told of, and not yet the leave.

import { parseTopic } from '@tidemark/log'
import type { LedgerCodec, NewEvent, Topic } from '@tidemark/log'
import { fingerprintBatch } from '@tidemark/log/rules'
import type { PresenceData } from './present-session.ts'

export interface AnnouncedUser {
  /** Names this stay of the user. Begins with the name of the node that announced it. */
  readonly id: string
  readonly topic: Topic
  readonly user: string
  /** When it was announced, in milliseconds since 1970. */
  readonly at: number
  readonly data: PresenceData | undefined
}

export const announcedUsers: LedgerCodec<AnnouncedUser> = {
  encode: ({ id, topic, user, at, data }) => JSON.stringify({ id, topic, user, at, data }),
  decode: (text) => {
    const { id, topic, user, at, data } = JSON.parse(text) as Readonly<Record<string, unknown>>
    const isWhole = [id, topic, user].every((part) => typeof part === 'string')
    if (!isWhole || typeof at !== 'number' || (data !== undefined && typeof data !== 'object'))
      throw new TypeError('No user that was announced.')
    return {
      id: String(id),
      topic: parseTopic(String(topic)),
      user: String(user),
      at,
      data: data as PresenceData | undefined,
    }
  },
}

/** The key of a user in a topic. Most can be read; long ones are hashed. */
export function keyOf(topic: Topic, user: string): string {
  const key = JSON.stringify([topic, user])
  if (key.length <= keyCharactersMax && !/\p{Cc}/u.test(key)) return key
  const hashes = ['a', 'b'].map((salt) => fingerprintBatch([{ topic, key: user, data: salt }]))
  return `#${hashes.map((hash) => hash.toString(36)).join('-')}`
}

/** As of the keys of ledgers. */
const keyCharactersMax = 256

/** The event that tells the topic of a join: the same from whichever node writes it. */
export function joinEvent({ topic, user, data }: AnnouncedUser): NewEvent {
  return { topic, type: 'tidemark.join', data: JSON.stringify({ user, data }) }
}

export function leaveEvent({ topic, user }: AnnouncedUser): NewEvent {
  return { topic, type: 'tidemark.leave', data: JSON.stringify({ user }) }
}
