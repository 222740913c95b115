// Users and their passwords. In your application: your database, or your identity provider.

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { HttpError } from './http.js'

const hash = promisify(scrypt)
const hashBytes = 32

const users = new Map([
  ['ada', await hashed('analytical-engine')],
  ['grace', await hashed('nanosecond')],
])
// A stranger takes as long as a user with a wrong password, so that nobody learns who is a user.
const nobody = await hashed(randomBytes(16).toString('hex'))

async function hashed(password) {
  const salt = randomBytes(16)
  return { salt, hash: await hash(password, salt, hashBytes) }
}

/** The user, if the password is theirs. */
export async function checkPassword({ user = '', password = '' }) {
  const known = users.get(user)
  const { salt, hash: wanted } = known ?? nobody
  const isRight = timingSafeEqual(await hash(password, salt, hashBytes), wanted)
  if (known !== undefined && isRight) return user
  throw new HttpError(401, 'User or password is wrong.')
}
