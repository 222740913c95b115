// The keys of a file (JWKS), read again when the file changes.

import { readFile, stat } from 'node:fs/promises'
import type { Clock } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import { quote } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'
import { keyFileLookMs, keySetBytesMax } from '../limits.ts'
import { KeySet } from './key-set.ts'
import type { KeySource, TokenHead, VerifyKey } from './key-source.ts'

/** Looks at the file before a token is checked, once per second at most. */
export class KeyFile implements KeySource {
  readonly ready: Promise<void>
  readonly #path: string
  readonly #clock: Clock
  #keys: KeySet | undefined
  #readState = ''
  #lookedAt = -Infinity
  #looking: Promise<void> | undefined
  #warning: string | undefined

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
    this.ready = this.#look().then(() => {
      if (this.#warning === undefined) return
      throw new AccessError(
        'ACCESS_OPTION_INVALID',
        `${this.#warning} Name a file of public keys in \`jwksFile\`.`,
      )
    })
    this.ready.catch(() => undefined)
  }

  get warning(): string | undefined {
    return this.#warning
  }

  get description(): string {
    return `the keys of the file ${quote(this.#path)}`
  }

  async find(head: TokenHead): Promise<readonly VerifyKey[]> {
    const now = this.#clock.elapsed()
    if (now - this.#lookedAt >= keyFileLookMs) {
      this.#lookedAt = now
      this.#looking = this.#look()
    }
    await this.#looking
    const keys = this.#keys
    if (keys !== undefined) return keys.find(head)
    throw new ServerError(
      'ACCESS_UNAVAILABLE',
      'The keys that the token is checked with cannot be read at the moment. Try again later.',
    )
  }

  close(): void {
    // Nothing is held open.
  }

  /** A file that is damaged, or being written, leaves the keys as they are. */
  async #look(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path)
      const state = `${mtimeMs} ${size} ${ino}`
      if (state === this.#readState) return
      if (size > keySetBytesMax) throw new Error(`It has ${size} bytes; ${keySetBytesMax} at most.`)
      this.#keys = KeySet.parse(await readFile(this.#path, 'utf8'))
      this.#readState = state
      this.#warn(this.#keys.fault)
    } catch (error) {
      this.#warn(error instanceof Error ? error.message : String(error))
    }
  }

  #warn(reason: string | undefined): void {
    this.#warning =
      reason === undefined
        ? undefined
        : `The file of keys ${quote(this.#path)} cannot be used. ${reason}`
  }
}
