// Cookie sessions: a random value in the cookie, and everything else here.

import { createHash, randomBytes, randomUUID } from 'node:crypto'

const maxAgeSeconds = 8 * 3_600
/** 10,000 sessions of about 300 bytes are 3 MB. The oldest one makes room. */
const sessionsMax = 10_000

export class Sessions {
  /** By the hash of the cookie: a copy of this table opens no session. */
  #byHash = new Map()

  begin(user) {
    const token = randomBytes(32).toString('base64url')
    const session = { id: randomUUID(), user, endsAt: Date.now() + maxAgeSeconds * 1_000 }
    const [oldest] = this.#byHash.keys()
    if (this.#byHash.size >= sessionsMax) this.#byHash.delete(oldest)
    this.#byHash.set(hashOf(token), session)
    return { token, maxAgeSeconds }
  }

  find(token) {
    if (token === undefined) return undefined
    const session = this.#byHash.get(hashOf(token))
    if (session === undefined || session.endsAt > Date.now()) return session
    return void this.#byHash.delete(hashOf(token))
  }

  /** The session that has ended now. */
  end(token) {
    const session = this.find(token)
    if (session !== undefined) this.#byHash.delete(hashOf(token))
    return session
  }
}

function hashOf(token) {
  return createHash('sha256').update(token).digest('base64url')
}
