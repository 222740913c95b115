// A run second by second: what the processes report, put together.

import { Histogram } from './histogram.ts'
import type { SparseCounts } from './histogram.ts'
import type { ReaderSecond } from './messages.ts'
import type { BusyShare } from './self-watch.ts'
import type { ServerSample } from './server-watch.ts'

/** One second of a run. A figure that was not measured is null. */
export interface Second {
  /** Since the run's origin: 0 is the first. */
  readonly second: number
  /**
   * Time that its counts are of: about 1, less at the end of a run, more when a process came late to
   * count.
   */
  readonly coveredSeconds: number
  /** Streams open, at its end. */
  readonly open: number
  readonly deliveries: number
  readonly bytes: number
  readonly published: number
  /** Milliseconds from when an event was due; with nothing published, between two events of a stream. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  /** CPU of all the load tester's processes, in cores. */
  readonly generatorCpu: number
  /** Busy share of all cores of this machine, 0 to 1. */
  readonly machineCpu: number | null
  readonly serverCpu: number | null
  readonly serverMemoryBytes: number | null
}

/** The figures that the first process measures each second. */
export interface OwnSecond {
  readonly second: number
  readonly published: number
  readonly busy: BusyShare
  readonly machineCpu: number
  readonly server: ServerSample | undefined
}

interface Draft {
  own: OwnSecond | undefined
  readonly readers: ReaderSecond[]
  /** Streams open at its end, over all processes. */
  open: number
}

/** Gathers seconds. */
export class Series {
  /** The CPU share of each process: the publisher first, then the readers. */
  readonly busy: BusyShare[][]
  readonly #drafts = new Map<number, Draft>()
  readonly #latest: (ReaderSecond | undefined)[]

  constructor(processes: number) {
    this.busy = Array.from({ length: processes + 1 }, () => [])
    this.#latest = Array.from({ length: processes }, () => undefined)
  }

  get open(): number {
    return this.#latest.reduce((sum, second) => sum + (second?.open ?? 0), 0)
  }

  get failed(): number {
    return this.#latest.reduce((sum, second) => sum + (second?.failed ?? 0), 0)
  }

  /** Whether every process has reported of that second now. */
  addReader(process: number, second: ReaderSecond): boolean {
    this.#latest[process] = second
    this.busy[process + 1]?.push(second.busy)
    const draft = this.#draftAt(second.second)
    draft.readers.push(second)
    draft.open = this.open
    return draft.readers.length >= this.#latest.length
  }

  addOwn(second: OwnSecond): void {
    this.busy[0]?.push(second.busy)
    this.#draftAt(second.second).own = second
  }

  /** Busy shares before this are no part of the load. */
  beginLoad(): void {
    for (const list of this.busy) list.length = 0
  }

  /** All seconds in order. */
  toList(): Second[] {
    return [...this.#drafts]
      .sort(([a], [b]) => a - b)
      .map(([second, draft]) => this.#sumUp(second, draft))
  }

  /** The newest second of which every process has reported. */
  newest(): Second | undefined {
    const complete = [...this.#drafts].filter(
      ([, { readers }]) => readers.length >= this.#latest.length,
    )
    const last = complete.at(-1)
    return last === undefined ? undefined : this.#sumUp(...last)
  }

  #sumUp(second: number, { own, readers, open }: Draft): Second {
    const sum = (read: (each: ReaderSecond) => number): number =>
      readers.reduce((total, each) => total + read(each), 0)
    const latency = mergeAll(readers.map((each) => each.latency))
    const times = latency.count > 0 ? latency : mergeAll(readers.map((each) => each.between))
    const coveredSeconds = sum(({ busy }) => busy.seconds) / this.#latest.length
    const readersCpu = sum(({ busy }) => busy.cpu * busy.seconds) / Math.max(0.001, coveredSeconds)
    return {
      second,
      coveredSeconds,
      open,
      deliveries: sum((each) => each.deliveries),
      bytes: sum((each) => each.bytes),
      published: own?.published ?? 0,
      p50Ms: times.count === 0 ? null : times.percentile(0.5) / 1_000,
      p99Ms: times.count === 0 ? null : times.percentile(0.99) / 1_000,
      generatorCpu: readersCpu + (own?.busy.cpu ?? 0),
      machineCpu: own?.machineCpu ?? null,
      serverCpu: own?.server?.cpu ?? null,
      serverMemoryBytes: own?.server?.memoryBytes ?? null,
    }
  }

  #draftAt(second: number): Draft {
    const draft = this.#drafts.get(second) ?? { own: undefined, readers: [], open: this.open }
    this.#drafts.set(second, draft)
    return draft
  }
}

/** One histogram of many. */
export function mergeAll(parts: readonly SparseCounts[]): Histogram {
  const histogram = new Histogram()
  for (const part of parts) histogram.merge(part)
  return histogram
}
