// When a response may be written: on its connection it may wait behind others (pipelining, RFC 9112 §9.3.2).

import { isHttp2 } from './exchange.ts'
import type { NodeRequest, NodeResponse } from './exchange.ts'

/** Whether a response is the first in line on its connection. One that waits has no socket yet. */
export function isInTurn(response: NodeResponse): boolean {
  return isHttp2(response) || response.socket !== null
}

/**
 * Resolves once the response is the first in line, to false if the connection closes before that. A response
 * that waits is never told when the connection is gone.
 */
export function hasTurn(request: NodeRequest, response: NodeResponse): Promise<boolean> {
  if (isInTurn(response)) return Promise.resolve(true)
  const { socket } = request
  if (socket.destroyed) return Promise.resolve(false)
  return new Promise((resolve) => {
    const onClose = (): void => {
      response.off('socket', onSocket)
      resolve(false)
    }
    const onSocket = (): void => {
      socket.off('close', onClose)
      resolve(true)
    }
    socket.once('close', onClose)
    response.once('socket', onSocket)
  })
}
