// What the supervising process and its workers tell each other.

import type { SeenCommit } from '@tidemark/log-lmdb'
import type { HubConfig } from '../config/hub-config.ts'

/** Node's own object around a system's listening socket. */
export interface ListeningHandle {
  close(): void
}

/** To a worker. */
export type ToWorker =
  /** The first message. The configuration is the one the hub was started with, whatever its file says by now. */
  | {
      readonly kind: 'start'
      /** This worker's share of it. */
      readonly config: HubConfig
      readonly url: string
      readonly drainSessionsPerSecond: number
      /** What the first worker that was ready said of its log; undefined before, and in memory. */
      readonly place?: string | undefined
      /** What the workers have seen of their log last; undefined before the first was ready, and in memory. */
      readonly seen?: SeenCommit | undefined
    }
  /** Comes with the socket of a connection. */
  | { readonly kind: 'connection' }
  /** Comes with a listening handle, which is to be sent back and let go; see listening-socket.ts. */
  | { readonly kind: 'copy' }
  /** Whether its event loop turns. */
  | { readonly kind: 'ping' }
  /** Send the sessions away, then end. */
  | { readonly kind: 'drain' }

/** From a worker. */
export type FromWorker =
  /** Names the files of its log; see `LmdbEventLog.place`. */
  | {
      readonly kind: 'ready'
      readonly place?: string | undefined
      readonly seen?: SeenCommit | undefined
    }
  /** It has stored events. */
  | { readonly kind: 'seen'; readonly seen: SeenCommit }
  /** It cannot start, and ends. */
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** The connection that was handed to it is its own now. */
  | { readonly kind: 'taken' }
  /** Comes with the copy of a listening handle. */
  | { readonly kind: 'copy' }
  /** So many of its connections have ended. */
  | { readonly kind: 'closed'; readonly connections: number }
  /** The answer to a ping. */
  | {
      readonly kind: 'pong'
      /** Streams open there. */
      readonly sessions: number
      /** Storage takes no events from it. */
      readonly isStuck: boolean
      /** How often it has stored events. */
      readonly commits: number
      /** It has no file descriptors left. */
      readonly isShort: boolean
      /** What it has seen of its log; undefined in memory, and when nothing is stored any more. */
      readonly seen?: SeenCommit | undefined
    }
  /** It is drained and takes no more connections. */
  | { readonly kind: 'drained' }
  /** What an operator should know. */
  | { readonly kind: 'line'; readonly text: string }

/** An error on its way between processes. */
export interface Failure {
  readonly message: string
  /** The code of a HubError or LogError; undefined for any other error. */
  readonly code: string | undefined
}

/** Describes what was thrown. */
export function toFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error), code: undefined }
  const isCoded = 'code' in error && typeof error.code === 'string'
  return { message: error.message, code: isCoded ? String(error.code) : undefined }
}

/** The same error again, as far as whoever tells a person about it can see. */
export function toError({ message, code }: Failure): Error {
  const error = new Error(message)
  return code === undefined ? error : Object.assign(error, { code })
}
