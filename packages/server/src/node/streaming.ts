// Which connections, or streams of HTTP/2 connections, carry an open event stream. Whatever else a client
// sends on one of them belongs to no request.

import { carrierOf } from './exchange.ts'
import type { AnyResponse, Carrier, NodeRequest, NodeResponse } from './exchange.ts'
import { declareFate } from './listener-fate.ts'

const streaming = new WeakSet<Carrier>()

/**
 * Whether an event stream is open. A further request on the same connection of HTTP/1 cannot be answered
 * before it ends.
 */
export function isStreaming(carrier: Carrier): boolean {
  return streaming.has(carrier)
}

/**
 * Marks what a request arrived on, until its response is closed: whatever arrives there from now on belongs
 * to no request.
 */
export function claimCarrier(request: NodeRequest, response: NodeResponse): void {
  const carrier = carrierOf(request)
  streaming.add(carrier)
  const anyResponse: AnyResponse = response
  anyResponse.once(
    'close',
    declareFate(() => streaming.delete(carrier), 'left'),
  )
}
