// IPv4 connections as the kernel lists them, with their owners and queues: /proc/net/tcp.

import { readlinkSync } from 'node:fs'
import { listProc, readOr, readProc } from './read-proc.ts'

interface Row {
  /** Address and port in hexadecimal: `0100007F:1B9E`. */
  readonly local: string
  readonly remote: string
  /** `01`: established. */
  readonly state: string
  /** Sent and not acknowledged, arrived and not read. Bytes. */
  readonly sent: number
  readonly arrived: number
  readonly inode: string
}

/** How many established connections to its own `port` a process holds. */
export function countConnections(pid: number, port: number): number {
  const isHere = isOfPort(port)
  const rows = readRows().filter(({ local, state }) => isHere(local) && state === '01')
  const links = new Set(rows.map(({ inode }) => `socket:[${inode}]`))
  return listProc(`${pid}/fd`).filter((fd) =>
    links.has(readOr('', () => readlinkSync(`/proc/${pid}/fd/${fd}`))),
  ).length
}

/**
 * Bytes in the kernel's queues of all connections to a port of this machine: sent by the server and not acknowledged,
 * arrived and not read by the client.
 */
export function readSocketQueues(port: number): number {
  const isHere = isOfPort(port)
  let bytes = 0
  for (const { local, remote, sent, arrived } of readRows()) {
    if (isHere(local)) bytes += sent
    if (isHere(remote)) bytes += arrived
  }
  return bytes
}

function isOfPort(port: number): (address: string) => boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return (address) => address.endsWith(suffix)
}

/** Columns: number, local and remote address, state, both queues as `sent:arrived`, …, and tenth the inode. */
function readRows(): readonly Row[] {
  return readProc('net/tcp')
    .split('\n')
    .slice(1, -1)
    .map((line) => {
      const columns = line.trim().split(/\s+/)
      const [, local = '', remote = '', state = '', queues = ''] = columns
      const [sent = '', arrived = ''] = queues.split(':')
      return {
        local,
        remote,
        state,
        sent: Number.parseInt(sent, 16),
        arrived: Number.parseInt(arrived, 16),
        inode: columns[9] ?? '',
      }
    })
}
