// A running hub, and the options it is started with.

import type { Server } from 'node:net'
import type { HubCounts } from '@tidemark/access/hub'
import type { SeenCommit } from '@tidemark/log-lmdb'
import type { NodeStats } from '@tidemark/server'
import type { SharedLog } from './open-log.ts'

/** A running hub. */
export interface Hub {
  /** Where it listens: `http://127.0.0.1:7070`, with TLS `https://…`. */
  readonly url: string
  /** Whether it asks who is there. Else it is everybody's who reaches it. */
  readonly isLocked: boolean
  /** Rejects when the hub cannot go on by itself: none of its workers serves, and none can be started. */
  readonly failed: Promise<never>
  /** Looks at once for another certificate in the files of TLS, and tells what it finds. */
  reload(): void
  /**
   * Sends all sessions away at a steady pace, answers the requests in progress (for 5 s at most), then
   * closes. `close` meanwhile ends both.
   * @throws HubError `WORKER_ENDED` when a worker died before it had sent its sessions away
   */
  drain(): Promise<void>
  /** Ends everything now. Acknowledged events are on disk already. */
  close(): Promise<void>
}

/** The hub without its TLS, which is the same for one process and for several. */
export type RunningHub = Omit<Hub, 'reload'>

/** A hub that serves in this process. */
export interface ServingHub extends RunningHub {
  /** The counters of this process. */
  stats(): NodeStats
  /** Ends sessions of an address whose clients take nothing any more. */
  endStalled(address: string): void
  /** Storage has stopped to take events; see `LmdbEventLog.isStuck`. */
  readonly isStuck: boolean
  /** How often it has stored events; 0 in memory. */
  readonly commits: number
  /** This process has no file descriptors left. */
  readonly isOutOfDescriptors: boolean
  /** Names the files of its log, for other workers of the hub; undefined in memory. */
  readonly place: string | undefined
  /**
   * The newest commit its log has seen, for other workers of the hub; undefined in memory, and when
   * nothing is stored any more.
   */
  readonly seen: SeenCommit | undefined
}

/** The lines that a hub tells while it runs. */
export interface HubOptions {
  /** Told of what an operator should know, one line at a time. Default: standard error. */
  readonly onLine?: (text: string) => void
}

/** The difference between a worker and a hub of one process. */
export interface WorkerShare {
  /** Brings the server its connections; resolves to the hub's URL. */
  readonly listen: (server: Server) => Promise<string>
  /** This process's part of the pace at which the whole hub sends sessions away. */
  readonly drainSessionsPerSecond: number
  /** Adds up the counters of all workers. */
  readonly readStats: () => Promise<NodeStats>
  /** Counts for all workers. */
  readonly counts: HubCounts
  /** The workers' knowledge of the log. */
  readonly log: SharedLog
}
