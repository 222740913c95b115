// The keys at a URL (JWKS): fetched, kept, and fetched again when a token names one that is not known.

import type { Clock, Timer } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import { quote } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'
import { keyUrlFreshMs, keyUrlPauseMs } from '../limits.ts'
import { fetchText } from './fetch-text.ts'
import type { Fetch } from './fetch-text.ts'
import { KeySet } from './key-set.ts'
import type { KeySource, TokenHead, VerifyKey } from './key-source.ts'

interface KeyUrlOptions {
  readonly url: URL
  readonly clock: Clock
  readonly fetch: Fetch
}

/**
 * Fetches one time at a time, and not sooner than `keyUrlPauseMs` after the last one, whatever tokens name.
 * Keys that are known go on serving while the issuer cannot be reached.
 */
export class KeyUrl implements KeySource {
  readonly ready: Promise<void>
  readonly #options: KeyUrlOptions
  #keys: KeySet | undefined
  #fetchedAt = -Infinity
  #fetching: Promise<void> | undefined
  #refresh: Timer | undefined
  #warning: string | undefined

  constructor(options: KeyUrlOptions) {
    this.#options = options
    this.ready = this.#fetch().then(() => {
      if (this.#keys !== undefined) return
      throw new AccessError(
        'ACCESS_OPTION_INVALID',
        `${this.#warning ?? ''} Correct \`jwksUrl\`, or start the issuer first.`,
      )
    })
    this.ready.catch(() => undefined)
  }

  get warning(): string | undefined {
    return this.#warning
  }

  get description(): string {
    return `the keys at ${quote(this.#options.url.href)}`
  }

  async find(head: TokenHead): Promise<readonly VerifyKey[]> {
    const found = this.#keys?.find(head) ?? []
    if (found.length > 0) return found
    const isPausing = this.#options.clock.elapsed() - this.#fetchedAt < keyUrlPauseMs
    if (this.#fetching !== undefined || !isPausing) await this.#fetch()
    const fetched = this.#keys?.find(head) ?? []
    // A key that is not known may be a new one, while the issuer cannot be asked.
    if (fetched.length === 0 && this.#warning !== undefined) throw unavailable()
    return fetched
  }

  close(): void {
    this.#refresh?.cancel()
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetchOnce(): Promise<void> {
    const { url, clock, fetch } = this.#options
    this.#fetchedAt = clock.elapsed()
    this.#refresh?.cancel()
    try {
      this.#keys = KeySet.parse(await fetchText(url, fetch))
      this.#warning = undefined
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#warning = `The keys at ${quote(url.href)} cannot be read. ${reason}`
    }
    // A key that its issuer has withdrawn does not serve for ever.
    this.#refresh = clock.after(keyUrlFreshMs, () => void this.#fetch())
  }
}

function unavailable(): ServerError {
  return new ServerError(
    'ACCESS_UNAVAILABLE',
    'The keys that the token is checked with cannot be read at the moment. Try again later.',
  )
}
