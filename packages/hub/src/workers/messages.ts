// Messages between the supervising process and its workers.

import type { RateName, RateState, Suspect, Suspicion } from '@tidemark/access/hub'
import type { SeenCommit } from '@tidemark/log-lmdb'
import type { NodeStats } from '@tidemark/server'
import type { HubConfig } from '../config/hub-config.ts'
import type { CertificateState } from '../tls/held-certificate.ts'

/** Node's own object around a system's listening socket. */
export interface ListeningHandle {
  close(): void
}

/** To a worker. */
export type ToWorker =
  /**
   * The first message. Its configuration is the one with which the hub was started, whatever the
   * file says by now.
   */
  | {
      readonly kind: 'start'
      /** This worker's share of it. */
      readonly config: HubConfig
      readonly url: string
      readonly drainSessionsPerSecond: number
      /** Undefined without TLS. */
      readonly certificate?: CertificateState | undefined
      /**
       * The place of the log, from the first worker that was ready. Undefined before, and for a log
       * in memory.
       */
      readonly place?: string | undefined
      /**
       * The newest commit that workers have seen. Undefined before the first was ready, and for a
       * log in memory.
       */
      readonly seen?: SeenCommit | undefined
    }
  /** Comes with the socket of a connection. */
  | { readonly kind: 'connection' }
  /** Comes with a listening handle, which is to be sent back and closed; see listening-socket.ts. */
  | { readonly kind: 'copy' }
  /** Another certificate, or the trouble with one. */
  | ({ readonly kind: 'certificate' } & CertificateState)
  /** Asks whether the event loop turns. */
  | { readonly kind: 'ping' }
  /** The answer to `ask-stats`: what all workers have counted. */
  | { readonly kind: 'stats'; readonly stats: NodeStats }
  /** The answer to `count`. */
  | { readonly kind: 'counted'; readonly id: number; readonly answer: CountAnswer }
  /** Asks the worker to end sessions of an address whose clients take nothing any more. */
  | { readonly kind: 'clear'; readonly id: number; readonly key: string }
  /** Asks the worker to close its sessions, then to end. */
  | { readonly kind: 'drain' }

/** From a worker. */
export type FromWorker =
  /** Names the files of its log; see `LmdbEventLog.place`. */
  | {
      readonly kind: 'ready'
      readonly place?: string | undefined
      readonly seen?: SeenCommit | undefined
    }
  /** The worker has stored events. */
  | { readonly kind: 'seen'; readonly seen: SeenCommit }
  /** The worker cannot start, and ends. */
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** Confirms the connection that was handed over. */
  | { readonly kind: 'taken' }
  /** Comes with the copy of a listening handle. */
  | { readonly kind: 'copy' }
  /** A number of its connections have ended. */
  | { readonly kind: 'closed'; readonly connections: number }
  /** The answer to a ping. */
  | {
      readonly kind: 'pong'
      /** Streams open there. */
      readonly sessions: number
      /** Storage takes no events from it. */
      readonly isStuck: boolean
      /** Write transactions that stored events. */
      readonly commits: number
      /** It has no file descriptors left. */
      readonly isOutOfDescriptors: boolean
      /** The worker's counters. Undefined before it serves. */
      readonly stats?: NodeStats | undefined
      /**
       * The newest commit it has seen. Undefined for a log in memory, and when nothing is stored
       * any more.
       */
      readonly seen?: SeenCommit | undefined
    }
  /** Asks what all workers have counted. */
  | { readonly kind: 'ask-stats' }
  /** Asks the process that counts for the whole hub; see `HubCounts` of `@tidemark/access`. */
  | { readonly kind: 'count'; readonly id: number; readonly question: CountCall }
  /** The worker has done what `clear` asked for. */
  | { readonly kind: 'cleared'; readonly id: number }
  /** The worker is drained and takes no more connections. */
  | { readonly kind: 'drained' }
  /** A line for the operator. */
  | { readonly kind: 'line'; readonly text: string }

/** A question to the process that counts. `leave` wants no answer. */
export type CountCall =
  | { readonly call: 'take'; readonly rate: RateName; readonly key: string }
  | { readonly call: 'enter' | 'leave'; readonly key: string }
  | { readonly call: 'report'; readonly seen: readonly Suspicion[] }
  | { readonly call: 'suspects' }

/** The answer: the member that its question is about. */
export interface CountAnswer {
  readonly state?: RateState | undefined
  readonly isIn?: boolean | undefined
  readonly keys?: readonly string[] | undefined
  readonly suspects?: readonly Suspect[] | undefined
}

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

/** Makes the error again, with its message and code. */
export function toError({ message, code }: Failure): Error {
  const error = new Error(message)
  return code === undefined ? error : Object.assign(error, { code })
}
