// TCP sockets as the kernel lists them, and who holds them: /proc/net/tcp and /proc/net/tcp6.

import { readlinkSync } from 'node:fs'
import { listPids } from './processes.ts'
import { listProc, readOr, readProc } from './read-proc.ts'

/** One socket. */
export interface TcpRow {
  /** Address and port in hexadecimal: `0100007F:1B9E`. */
  readonly local: string
  readonly remote: string
  /** `01`: established. `0A`: listening. */
  readonly state: string
  /** Sent and not acknowledged, arrived and not read. Bytes. */
  readonly sent: number
  readonly arrived: number
  readonly inode: string
}

/**
 * Columns: number, local and remote address, state, both queues as `sent:arrived`, …, and tenth the
 * inode.
 */
export function readTcpRows(): readonly TcpRow[] {
  return ['tcp', 'tcp6'].flatMap((name) =>
    readProc(`net/${name}`)
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
      }),
  )
}

/** Whether an address of a row is of a port. */
export function isOfPort(port: number): (address: string) => boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return (address) => address.endsWith(suffix)
}

/** How many of these sockets a process holds. */
export function countHeld(pid: number, rows: readonly TcpRow[]): number {
  const links = new Set(rows.map(({ inode }) => `socket:[${inode}]`))
  return listProc(`${pid}/fd`).filter((fd) =>
    links.has(readOr('', () => readlinkSync(`/proc/${pid}/fd/${fd}`))),
  ).length
}

/** Processes that hold a socket listening on `port`. */
export function findListeners(port: number): readonly number[] {
  const isHere = isOfPort(port)
  const rows = readTcpRows().filter(({ local, state }) => isHere(local) && state === '0A')
  return rows.length === 0 ? [] : listPids().filter((pid) => countHeld(pid, rows) > 0)
}
