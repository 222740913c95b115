// A crowd of EventSource-like clients in processes of their own (`wave.c`), each with loopback
// addresses of its own.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

/** The report of a process of clients, four times a second. */
interface Report {
  /** Open, with `tidemark.ready` read. */
  readonly ready: number
  readonly away: number
  readonly connecting: number
  readonly asking: number
  /** Answered with something else than 200, which ends an EventSource for good. */
  readonly failed: number
  /** The latest such status. */
  readonly status: number
  /** Connections that could not be made, that ended before a byte of an answer, and that ended later. */
  readonly unmade: number
  readonly unanswered: number
  readonly ended: number
  /** Goodbyes: sent away with a time to come back. */
  readonly byes: number
  readonly gaps: number
  /** Events that came twice. */
  readonly twice: number
  /**
   * Of each numbered event how many clients have it, and when the last one got it, by CLOCK_MONOTONIC.
   * Nanoseconds.
   */
  readonly events: readonly (readonly [received: number, lastNs: number])[]
}

/** The sums over all processes. */
export interface CrowdState extends Omit<Report, 'events' | 'status'> {
  readonly statuses: readonly number[]
}

/** All processes of clients. */
export class Crowd {
  readonly #children: readonly ChildProcess[]
  readonly #reports: (Report | undefined)[]

  constructor(program: string, options: { port: number; sessions: number; processes: number }) {
    const { port, sessions, processes } = options
    this.#reports = Array.from({ length: processes }, () => undefined)
    this.#children = this.#reports.map((_, i) => {
      const count =
        Math.floor((sessions * (i + 1)) / processes) - Math.floor((sessions * i) / processes)
      const child = spawn(program, [String(port), `127.0.${i + 2}`, String(count)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#reports[i] = JSON.parse(line) as Report
      })
      return child
    })
  }

  /** How the crowd is, as of a quarter of a second ago. */
  get state(): CrowdState {
    const sum = (name: keyof Omit<Report, 'events' | 'status'>): number =>
      this.#reports.reduce((total, report) => total + (report?.[name] ?? 0), 0)
    return {
      ready: sum('ready'),
      away: sum('away'),
      connecting: sum('connecting'),
      asking: sum('asking'),
      failed: sum('failed'),
      unmade: sum('unmade'),
      unanswered: sum('unanswered'),
      ended: sum('ended'),
      byes: sum('byes'),
      gaps: sum('gaps'),
      twice: sum('twice'),
      statuses: this.#reports.flatMap((report) => (report?.status ? [report.status] : [])),
    }
  }

  /** How many have the event, and when the last one got it. Nanoseconds of CLOCK_MONOTONIC. */
  received(event: number): { readonly count: number; readonly lastNs: number } {
    const tallies = this.#reports.map((report) => report?.events[event] ?? ([0, 0] as const))
    return {
      count: tallies.reduce((total, [count]) => total + count, 0),
      lastNs: Math.max(0, ...tallies.map(([, lastNs]) => lastNs)),
    }
  }

  /** Whether every process still runs. */
  get isWhole(): boolean {
    return this.#children.every(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    )
  }

  end(): void {
    for (const child of this.#children) child.stdin?.end()
  }
}
