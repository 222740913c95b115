// A worker: a hub without a port of its own.

import type { Server, Socket } from 'node:net'
import { systemClock } from '@tidemark/log'
import type { ServingHub, WorkerShare } from '../hub.ts'
import { startNode } from '../start-hub.ts'
import { HeldCertificate } from '../tls/held-certificate.ts'
import { boundYoungGeneration } from '../young-generation.ts'
import { HandedConnections } from './handed-connections.ts'
import { HubStats } from './hub-stats.ts'
import { toFailure } from './messages.ts'
import type { FromWorker, ToWorker } from './messages.ts'
import { CommitReporter } from './commit-reporter.ts'
import { RemoteCounts } from './remote-counts.ts'

/** How a worker sends messages and ends. */
export interface WorkerHost {
  readonly tell: (message: FromWorker) => void
  /** Ends the process after all messages have been sent. */
  readonly exit: (exitCode: number) => void
}

/** Handles the messages to a worker. */
export class Worker {
  readonly #host: WorkerHost
  #hub: Promise<ServingHub> | undefined
  #serving: ServingHub | undefined
  #connections: HandedConnections | undefined
  #isDraining = false
  readonly #stats: HubStats
  readonly #counts: RemoteCounts
  #held: HeldCertificate | undefined

  constructor(host: WorkerHost) {
    this.#host = host
    this.#stats = new HubStats(systemClock, () => host.tell({ kind: 'ask-stats' }))
    this.#counts = new RemoteCounts({
      clock: systemClock,
      tell: host.tell,
      say: (text) => host.tell({ kind: 'line', text }),
    })
  }

  hear(message: ToWorker, socket: Socket | undefined): void {
    if (message.kind === 'start') void this.#start(message)
    else if (message.kind === 'connection') this.#connections?.take(socket)
    else if (message.kind === 'certificate') this.#held?.set(message)
    else if (message.kind === 'ping') this.#answer()
    else if (message.kind === 'stats') this.#stats.heard(message.stats)
    else if (message.kind === 'counted') this.#counts.heard(message.id, message.answer)
    else if (message.kind === 'clear') this.#clear(message)
    else if (message.kind === 'drain') void this.drain()
  }

  /** Closes all sessions and ends, also before the worker serves. */
  async drain(): Promise<void> {
    if (this.#isDraining) return
    this.#isDraining = true
    try {
      await (await this.#hub)?.drain()
      this.#host.exit(0)
    } catch (error) {
      this.#fail(error)
    }
  }

  async #start(message: ToWorker & { readonly kind: 'start' }): Promise<void> {
    const { config, url, drainSessionsPerSecond, certificate, place, seen } = message
    const { tell } = this.#host
    const reporter = new CommitReporter(systemClock, (news) => tell({ kind: 'seen', seen: news }))
    this.#held = certificate && new HeldCertificate(certificate)
    const share: WorkerShare = {
      drainSessionsPerSecond,
      readStats: () => this.#stats.read(),
      counts: this.#counts,
      log: { place, seen, onSeen: (news) => reporter.note(news) },
      listen: async (server: Server) => {
        this.#connections = new HandedConnections(server, tell)
        return url
      },
    }
    const say = (text: string): void => tell({ kind: 'line', text })
    this.#hub = startNode(config, say, { held: this.#held, share })
    try {
      this.#serving = await this.#hub
      boundYoungGeneration()
      tell({ kind: 'ready', place: this.#serving.place, seen: this.#serving.seen })
    } catch (error) {
      this.#fail(error)
    }
  }

  #clear({ id, key }: { readonly id: number; readonly key: string }): void {
    this.#serving?.endStalled(key)
    // Behind the messages of the sessions that have ended.
    setImmediate(() => this.#host.tell({ kind: 'cleared', id }))
  }

  #answer(): void {
    const { isStuck = false, commits = 0, isOutOfDescriptors = false, seen } = this.#serving ?? {}
    const stats = this.#serving?.stats()
    const sessions = stats?.now.sessions ?? 0
    this.#host.tell({ kind: 'pong', sessions, stats, isStuck, commits, isOutOfDescriptors, seen })
  }

  #fail(error: unknown): void {
    this.#host.tell({ kind: 'failed', failure: toFailure(error) })
    this.#host.exit(1)
  }
}
