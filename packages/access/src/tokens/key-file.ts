// The keys of a file (JWKS), read again when the file changes.

import { readFile, stat } from 'node:fs/promises'
import type { Clock } from '@tidemark/log'
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
      if (this.#keys !== undefined) return
      throw new AccessError(
        'ACCESS_OPTION_INVALID',
        `${this.#warning ?? this.description} Name a file of public keys in \`jwksFile\`.`,
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
    return this.#keys?.find(head) ?? []
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
      this.#warning = undefined
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#warning = `The file of keys ${quote(this.#path)} cannot be used. ${reason}`
    }
  }
}
