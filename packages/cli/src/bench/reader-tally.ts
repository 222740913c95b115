// The counts of a process that reads streams: by the second, and in all.

import { Histogram } from './histogram.ts'
import type { ReaderSecond } from './messages.ts'
import { ReasonCounts } from './reason-counts.ts'

/** The counts of one process. */
export class ReaderTally {
  open = 0
  opened = 0
  reconnects = 0
  otherEvents = 0
  deliveries = 0
  bytes = 0
  /** Since `beginLoad`, without what `takeSecond` has not taken yet. */
  loadDeliveries = 0
  loadBytes = 0
  readonly failures: ReasonCounts = new ReasonCounts()
  readonly interruptions: ReasonCounts = new ReasonCounts()
  readonly connect: Histogram = new Histogram()
  readonly latency: Histogram = new Histogram()
  readonly latencyFromSend: Histogram = new Histogram()
  readonly between: Histogram = new Histogram()

  /** Events delivered before are no part of the load. */
  beginLoad(): void {
    this.loadDeliveries = -this.deliveries
    this.loadBytes = -this.bytes
  }

  /** The counts since the last call. */
  takeSecond(): Omit<ReaderSecond, 'second' | 'busy'> {
    const second = {
      open: this.open,
      failed: this.failures.total,
      deliveries: this.deliveries,
      bytes: this.bytes,
      latency: this.latency.toSparse(),
      latencyFromSend: this.latencyFromSend.toSparse(),
      between: this.between.toSparse(),
    }
    this.loadDeliveries += this.deliveries
    this.loadBytes += this.bytes
    this.deliveries = 0
    this.bytes = 0
    for (const histogram of [this.latency, this.latencyFromSend, this.between]) histogram.clear()
    return second
  }
}
