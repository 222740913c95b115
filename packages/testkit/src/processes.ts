// Processes as Linux shows them: who started whom, and who holds which connections.

import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/** The processes that a process has started and that still run, oldest first. Empty when it has ended. */
export function listChildren(pid: number): readonly number[] {
  const path = `/proc/${pid}/task/${pid}/children`
  return readOrEmpty(() => readFileSync(path, 'utf8'))
    .split(' ')
    .filter((word) => word !== '')
    .map(Number)
}

/** Whether there is such a process, other than one that only waits for its parent to notice its end. */
export function isRunning(pid: number): boolean {
  const stat = readOrEmpty(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  // Field 3, behind the command's name in parentheses.
  const state = stat.slice(stat.lastIndexOf(')') + 2)[0]
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/** How many established IPv4 connections to its own `port` a process holds. */
export function countConnections(pid: number, port: number): number {
  const held = readOrEmpty(() => readdirSync(`/proc/${pid}/fd`).join(' '))
    .split(' ')
    .map((fd) => readOrEmpty(() => readlinkSync(`/proc/${pid}/fd/${fd}`)))
  const inodes = listInodes(port)
  return held.filter((link) => inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? '')).length
}

/** The second column is the local address `0100007F:1B9E`, the fourth the state, 01 for established, the tenth the inode. */
function listInodes(port: number): ReadonlySet<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(suffix) === true && state === '01')
  return new Set(rows.map((row) => row[9] ?? ''))
}

/** What is read of a process may be gone in this moment. */
function readOrEmpty(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}
