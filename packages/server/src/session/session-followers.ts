// Parts of a node that follow its sessions: they are told of each that opens, moves to other topics, gets
// another grant, or closes.

import type { TopicsReason } from '../framing/control-events.ts'
import type { Session } from './session.ts'

/** Told at once, each in the tick in which it happens. */
export interface SessionFollower {
  opened?(session: Session): void
  /** The session follows other topics now: it was asked to, or its grant has shrunk. */
  moved?(session: Session, reason: TopicsReason): void
  /** The session got another grant. */
  renewed?(session: Session): void
  /** The session has left its audience and is found no more. */
  closed?(session: Session, reason: string): void
}

/** A node without followers pays for a look at an empty set. */
export class SessionFollowers {
  readonly #onError: (error: unknown) => void
  readonly #followers = new Set<SessionFollower>()

  /** @param onError told of what a follower throws; neither session nor other followers are harmed */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** The function that is returned ends it. Sessions that are open already are not told of. */
  add(follower: SessionFollower): () => void {
    this.#followers.add(follower)
    return () => void this.#followers.delete(follower)
  }

  opened(session: Session): void {
    for (const follower of this.#followers) {
      try {
        follower.opened?.(session)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  moved(session: Session, reason: TopicsReason): void {
    this.#tell((follower) => follower.moved?.(session, reason))
  }

  renewed(session: Session): void {
    this.#tell((follower) => follower.renewed?.(session))
  }

  closed(session: Session, reason: string): void {
    for (const follower of this.#followers) {
      try {
        follower.closed?.(session, reason)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  /** Not for what happens to each session: a function takes memory. */
  #tell(tell: (follower: SessionFollower) => void): void {
    for (const follower of this.#followers) {
      try {
        tell(follower)
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}
