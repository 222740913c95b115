// Which connections carry an open stream. Whatever a client sends on one of them belongs to no request.

import type { Socket } from 'node:net'

const streaming = new WeakSet<Socket>()

/** Whether a stream is open on a connection. A further request on it cannot be answered before the stream ends. */
export function isStreaming(socket: Socket): boolean {
  return streaming.has(socket)
}

/** Marks a connection until the returned function is called. */
export function markStreaming(socket: Socket): () => void {
  streaming.add(socket)
  return () => streaming.delete(socket)
}
