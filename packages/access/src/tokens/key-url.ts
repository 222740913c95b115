// The keys at a URL (JWKS): fetched, kept, and fetched again when a token names one that is not known.

import type { Clock, Timer } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import { quote } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'
import { clockToleranceMsMax, keyUrlFreshMs, keyUrlPauseMs, keyWaitersMax } from '../limits.ts'
import { fetchText } from './fetch-text.ts'
import type { Fetch } from './fetch-text.ts'
import { KeySet } from './key-set.ts'
import type { KeySource, TokenHead, VerifyKey } from './key-source.ts'
import { NewKeyNames } from './new-key-names.ts'

interface KeyUrlOptions {
  readonly url: URL
  readonly clock: Clock
  readonly fetch: Fetch
  /** Whether no keys at the start are a mistake of the configuration. */
  readonly isNeededAtStart: boolean
  /** Told when the keys can no longer be read, and when they can again. */
  readonly onLine: (line: string) => void
}

/**
 * Fetches one time at a time, and not sooner than `keyUrlPauseMs` after the last one, whatever tokens name.
 * Keys that are known go on serving while the issuer cannot be reached.
 */
export class KeyUrl implements KeySource {
  readonly ready: Promise<void>
  readonly #options: KeyUrlOptions
  readonly #closing = new AbortController()
  readonly #newNames = new NewKeyNames()
  #keys: KeySet | undefined
  /** By the time that passes, and by that of day, of the last fetch that began. */
  #fetchedAt = -Infinity
  #askedAt = -Infinity
  #fetching: Promise<void> | undefined
  #waiting = 0
  #isFirst = true
  #refresh: Timer | undefined
  #warning: string | undefined

  constructor(options: KeyUrlOptions) {
    this.#options = options
    this.ready = this.#fetch().then(() => {
      if (this.#warning === undefined) return
      if (!options.isNeededAtStart) {
        options.onLine(this.#warning)
        return
      }
      throw new AccessError(
        'ACCESS_OPTION_INVALID',
        `${this.#warning} Correct \`jwksUrl\`, or start the issuer first. To start without its keys, say \`isNeededAtStart: false\`.`,
      )
    })
    this.ready.catch(() => undefined)
  }

  get warning(): string | undefined {
    return this.#warning
  }

  get description(): string {
    return `the keys at ${this.#name}`
  }

  async find(head: TokenHead): Promise<readonly VerifyKey[]> {
    const found = this.#keys?.find(head) ?? []
    if (found.length > 0) return found
    const isPausing = this.#options.clock.elapsed() - this.#fetchedAt < keyUrlPauseMs
    if (this.#fetching !== undefined || !isPausing) await this.#wait()
    const fetched = this.#keys?.find(head) ?? []
    if (fetched.length === 0 && this.#mayBeNew(head)) throw unavailable()
    return fetched
  }

  close(): void {
    this.#closing.abort()
    this.#refresh?.cancel()
  }

  /**
   * A key that is not known may be a new one, while its issuer cannot be asked. To refuse it for good would
   * end an `EventSource` whose token is signed with a key of the last half minute. To refuse all of them for
   * the moment would let forged tokens count for nothing.
   */
  #mayBeNew({ kid, issuedAt = -Infinity }: TokenHead): boolean {
    if (this.#warning !== undefined) return true
    const isSince =
      issuedAt > this.#askedAt && issuedAt <= this.#options.clock.now() + clockToleranceMsMax
    return isSince && this.#newNames.mayBeNew(kid)
  }

  async #wait(): Promise<void> {
    if (this.#waiting >= keyWaitersMax) throw unavailable()
    this.#waiting += 1
    try {
      await this.#fetch()
    } finally {
      this.#waiting -= 1
    }
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetchOnce(): Promise<void> {
    const { url, clock, fetch } = this.#options
    const { signal } = this.#closing
    if (signal.aborted) return
    this.#fetchedAt = clock.elapsed()
    this.#askedAt = clock.now()
    this.#refresh?.cancel()
    try {
      this.#keys = KeySet.parse(await fetchText(url, { fetch, clock, signal }))
      this.#newNames.settle()
      this.#warn(this.#keys.fault)
    } catch (error) {
      this.#warn(error instanceof Error ? error.message : String(error))
    }
    this.#isFirst = false
    if (signal.aborted) return
    // A key that its issuer has withdrawn does not serve for ever.
    const afterMs = this.#warning === undefined ? keyUrlFreshMs : keyUrlPauseMs
    this.#refresh = clock.after(afterMs, () => void this.#fetch())
  }

  /** A line for each change. Of the first fetch `ready` says how it went. */
  #warn(reason: string | undefined): void {
    const wasWell = this.#warning === undefined
    this.#warning =
      reason === undefined ? undefined : `The keys at ${this.#name} cannot be read. ${reason}`
    const isWell = this.#warning === undefined
    if (this.#isFirst || wasWell === isWell || this.#closing.signal.aborted) return
    this.#options.onLine(this.#warning ?? `The keys at ${this.#name} can be read again.`)
  }

  /** Without its query, which may hold a key of the operator's. */
  get #name(): string {
    const { origin, pathname } = this.#options.url
    return quote(origin + pathname)
  }
}

function unavailable(): ServerError {
  return new ServerError(
    'ACCESS_UNAVAILABLE',
    'The key that the token is checked with cannot be read at the moment. Try again later.',
  )
}
