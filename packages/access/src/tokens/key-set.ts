// A set of public keys (JWKS, RFC 7517): read, and one or several chosen by the head of a token.

import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { quoteValue } from '@tidemark/wire/values'
import { keySetKeysMax } from '../limits.ts'
import { algorithmsOfKey } from './algorithms.ts'
import type { TokenHead } from './key-source.ts'

interface PublicKey {
  readonly kid: string | undefined
  readonly algorithms: readonly string[]
  readonly key: KeyObject
}

/** The keys of a set that check signatures. */
export class KeySet {
  readonly #keys: readonly PublicKey[]

  private constructor(keys: readonly PublicKey[]) {
    this.#keys = keys
  }

  /**
   * Reads a set. Keys that do not check signatures are passed over: secrets (`oct`) and those for
   * encryption. So are keys of a kind that is not known here, and of RSA below 2,048 bits.
   * @throws Error that says why the text is no set
   */
  static parse(text: string): KeySet {
    const keys = readKeys(text).flatMap((given) => {
      const key = readKey(given)
      return key === undefined ? [] : [key]
    })
    return new KeySet(keys)
  }

  /** Why nothing can be checked with it; undefined: something can. */
  get fault(): string | undefined {
    if (this.#keys.length > 0) return undefined
    return 'It holds no public key that checks signatures: RSA with 2,048 bits or more, EC on P-256, P-384 or P-521, or Ed25519.'
  }

  /** A token without `kid` may be signed with any key of its algorithm. */
  find({ alg, kid }: TokenHead): readonly KeyObject[] {
    return this.#keys
      .filter((key) => key.algorithms.includes(alg) && (kid === undefined || key.kid === kid))
      .map(({ key }) => key)
  }
}

function readKeys(text: string): readonly Readonly<Record<string, unknown>>[] {
  let set: unknown
  try {
    set = JSON.parse(text)
  } catch {
    // Without a part of it: a path that was mixed up may lead to a secret.
    const page = text.trimStart().startsWith('<') ? ', but a web page' : ''
    throw new Error(`It is not JSON${page}.`)
  }
  const keys = isObject(set) ? set['keys'] : undefined
  if (!Array.isArray(keys)) throw new Error(`It has no list \`keys\`; got ${quoteValue(set)}.`)
  if (keys.length > keySetKeysMax) {
    throw new Error(`It holds ${keys.length} keys; ${keySetKeysMax} at most are read.`)
  }
  return keys.filter(isObject)
}

function readKey(given: Readonly<Record<string, unknown>>): PublicKey | undefined {
  const { kid, alg, use, kty, key_ops: operations } = given
  const isForSignatures = use === undefined || use === 'sig'
  const isForChecks = !Array.isArray(operations) || operations.includes('verify')
  if (kty === 'oct' || !isForSignatures || !isForChecks) return undefined
  try {
    // Of a private key that somebody has published by mistake only the public part is kept.
    const key = createPublicKey({ key: given, format: 'jwk' })
    const possible: readonly string[] = algorithmsOfKey(key)
    const algorithms =
      typeof alg === 'string' ? possible.filter((name) => isSame(name, alg)) : possible
    if (algorithms.length === 0) return undefined
    return { kid: typeof kid === 'string' ? kid : undefined, algorithms, key }
  } catch {
    return undefined
  }
}

/** RFC 9864 names the signature of Ed25519 after its curve. */
function isSame(name: string, alg: string): boolean {
  return name === alg || (name === 'EdDSA' && alg === 'Ed25519')
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
