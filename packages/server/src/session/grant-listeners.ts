// Those that are told of sessions whose grant is new, such as what ends sessions by their claims.

import type { SessionHandle } from './session-handle.ts'
import type { Session } from './session.ts'

export class GrantListeners {
  readonly #handle: (session: Session) => SessionHandle
  readonly #onError: (error: unknown) => void
  readonly #listeners = new Set<(session: SessionHandle) => void>()

  constructor(handle: (session: Session) => SessionHandle, onError: (error: unknown) => void) {
    this.#handle = handle
    this.#onError = onError
  }

  /** The function that is returned ends it. */
  add(listener: (session: SessionHandle) => void): () => void {
    const own = (session: SessionHandle): void => listener(session)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  tell(session: Session): void {
    for (const listener of this.#listeners) {
      if (session.isClosed) return
      try {
        listener(this.#handle(session))
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}
