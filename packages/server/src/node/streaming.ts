// Which connections, or streams of HTTP/2 connections, carry an open event stream. Whatever else a client sends on one of
// them belongs to no request.

import type { Carrier } from './exchange.ts'
import { declareFate } from './listener-fate.ts'

const streaming = new WeakSet<Carrier>()

/** Whether an event stream is open. A further request on the same connection of HTTP/1 cannot be answered before it ends. */
export function isStreaming(carrier: Carrier): boolean {
  return streaming.has(carrier)
}

/** Marks a carrier until the returned function is called. */
export function markStreaming(carrier: Carrier): () => void {
  streaming.add(carrier)
  return declareFate(() => streaming.delete(carrier), 'told')
}
