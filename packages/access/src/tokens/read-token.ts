// A token as it arrives: its size and its form. Nothing in it is believed yet.

import { headCharactersMax, headsCharactersMax, tokenCharactersMax } from '../limits.ts'
import { refuseToken } from '../refuse-token.ts'
import type { TokenHead } from './key-source.ts'
import { TwoHalves } from './two-halves.ts'

type Part = Readonly<Record<string, unknown>>

/** A token that has the form of one. Its claims are not verified. */
export interface UnverifiedToken {
  readonly text: string
  readonly head: TokenHead
  readonly typ: string | undefined
  /** Frozen. */
  readonly claims: Readonly<Record<string, unknown>>
}

/**
 * The kind that a token says to be, without `application/`; undefined: it says none, or an ordinary one (RFC
 * 8725 §3.11, RFC 9068 §2.1).
 */
export function specialTypeOf(typ: string | undefined): string | undefined {
  const name = typ?.toLowerCase().replace(/^application\//, '')
  return name === undefined || name === 'at+jwt' || !name.endsWith('+jwt') ? undefined : name
}

/** @throws AccessError `TOKEN_INVALID` */
export function requireSize({ length }: string): void {
  if (length <= tokenCharactersMax) return
  throw refuseToken(
    `A token may have ${tokenCharactersMax} characters; got ${length}. Name patterns in it in place of single topics.`,
  )
}

/**
 * Reads the form of a token. No message holds a part of it: a token is a secret, and so is a text that was
 * sent in the place of one.
 * @throws AccessError `TOKEN_INVALID`
 */
export function readToken(text: string): UnverifiedToken {
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(text)) throw malformed(text)
  const { alg, kid, typ, crit, b64 } = readHead(text)
  if (typeof alg !== 'string') throw malformed(text)
  // An extension that is not understood refuses the token (RFC 7515 §4.1.11). None is understood here.
  if (crit !== undefined || b64 !== undefined) {
    throw refuseToken(
      'The token has header fields that change how it is read (crit, b64), and none of them is known here. Sign it without them.',
    )
  }
  const claims = freeze(readPart(text, 1))
  const { iat } = claims
  const issuedAt = typeof iat === 'number' ? iat * 1_000 : undefined
  return {
    text,
    head: { alg, kid: readName('kid', kid), issuedAt },
    typ: readName('typ', typ),
    claims,
  }
}

/** Everything in it, so that it can be kept and handed out again. */
function freeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  for (const member of Object.values(value)) freeze(member)
  return Object.freeze(value)
}

function readName(name: string, value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw refuseToken(`${name} in the header of the token must be a text. Mend its issuer.`)
}

/** Tokens of one issuer begin alike: their heads are mostly the same text. */
const heads = new TwoHalves<Part>(headsCharactersMax, ({ length }) => length)

function readHead(text: string): Part {
  const end = text.indexOf('.')
  if (end > headCharactersMax) return readPart(text, 0)
  const key = text.slice(0, end)
  const known = heads.get(key)
  if (known !== undefined) return known
  const head = readPart(text, 0)
  heads.set(key, head)
  return head
}

/** The JSON object that a part is (RFC 7519 §7.2). */
function readPart(text: string, index: 0 | 1): Part {
  const part: unknown = parseJson(text, index)
  if (typeof part === 'object' && part !== null && !Array.isArray(part)) return part as Part
  throw malformed(text)
}

function parseJson(text: string, index: 0 | 1): unknown {
  const part = text.split('.')[index] ?? ''
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString())
  } catch (cause) {
    throw malformed(text, cause)
  }
}

function malformed(text: string, cause?: unknown): Error {
  return refuseToken(
    `The token is no signed token (JWT): three parts of base64url with dots in between. ${hintAt(text)}`,
    'TOKEN_INVALID',
    cause,
  )
}

function hintAt(text: string): string {
  if (text.split('.').length === 5)
    return 'Five parts are an encrypted one (JWE), which nobody here can read: let its issuer sign it only.'
  if (/^bearer\b/i.test(text)) return 'Leave out the word Bearer inside of it.'
  return 'Send the token as its issuer gave it.'
}
