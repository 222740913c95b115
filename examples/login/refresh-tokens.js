// Refresh tokens that are good for one use. One that comes twice has been stolen, and ends them all.

import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'

const maxAgeSeconds = 30 * 86_400
/** Two tabs, or an answer that was lost, use a token twice within seconds: they get the same next one. */
const graceMs = 10_000
/** 10,000 families of about 200 bytes are 2 MB. The oldest one makes room. */
const familiesMax = 10_000

/** All tokens that came from one login are a family. `family.number.signature` is a token. */
export class RefreshTokens {
  #secret
  #families = new Map()

  constructor(secret) {
    this.#secret = secret
  }

  has(id) {
    return this.#families.has(id)
  }

  begin(user) {
    const id = randomUUID()
    const endsAt = Date.now() + maxAgeSeconds * 1_000
    const [oldest] = this.#families.keys()
    if (this.#families.size >= familiesMax) this.#families.delete(oldest)
    this.#families.set(id, { user, number: 1, rotatedAt: 0, endsAt })
    return this.#describe(id)
  }

  /** The next token; without `token` in the answer the given one is not good (any more). */
  rotate(token) {
    const { id, number } = this.#read(token)
    const family = this.#families.get(id)
    if (family === undefined) return {}
    if (family.endsAt < Date.now()) {
      this.#families.delete(id)
      return {}
    }
    if (number === family.number) {
      family.number += 1
      family.rotatedAt = Date.now()
      return this.#describe(id)
    }
    if (number === family.number - 1 && Date.now() - family.rotatedAt <= graceMs)
      return this.#describe(id)
    this.#families.delete(id)
    return { isStolen: true, user: family.user, family: id }
  }

  end(token) {
    const { id } = this.#read(token)
    const family = this.#families.get(id)
    if (family === undefined) return undefined
    this.#families.delete(id)
    return { user: family.user, family: id }
  }

  #describe(id) {
    const { user, number } = this.#families.get(id)
    return { user, family: id, token: `${id}.${number}.${this.#sign(id, number)}`, maxAgeSeconds }
  }

  /** An empty answer for what we have not made. */
  #read(token = '') {
    const [id = '', number = '', signature = ''] = token.split('.')
    const wanted = Buffer.from(this.#sign(id, Number(number)))
    const given = Buffer.from(signature)
    const isOurs = given.length === wanted.length && timingSafeEqual(given, wanted)
    return isOurs ? { id, number: Number(number) } : {}
  }

  #sign(id, number) {
    return createHmac('sha256', this.#secret).update(`refresh ${id} ${number}`).digest('base64url')
  }
}
