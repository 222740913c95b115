// Connections and their queues.

import { countHeld, isOfPort, readTcpRows } from 'tidemark/bench'

/** How many established connections to its own `port` a process holds. */
export function countConnections(pid: number, port: number): number {
  const isHere = isOfPort(port)
  return countHeld(
    pid,
    readTcpRows().filter(({ local, state }) => isHere(local) && state === '01'),
  )
}

/**
 * Bytes in the kernel's queues of all connections to a port of this machine. They were sent by the
 * server and are not acknowledged, or have arrived and are not read by the client.
 */
export function readSocketQueues(port: number): number {
  const isHere = isOfPort(port)
  let bytes = 0
  for (const { local, remote, sent, arrived } of readTcpRows()) {
    if (isHere(local)) bytes += sent
    if (isHere(remote)) bytes += arrived
  }
  return bytes
}
