// What a process and its children hold of their own, seen from outside.

import { readFileSync, readdirSync } from 'node:fs'

/**
 * Anonymous memory of a process and its children, in bytes: heaps and buffers, without the pages of mapped files, which
 * are the system's cache. 0 once the process has ended. Linux only.
 */
export function readOwnMemory(pid: number): number {
  return [pid, ...listChildren(pid)].reduce((sum, each) => sum + readAnonymous(each), 0)
}

/** The processes that a process has started and that still run: the workers of a hub. */
export function listChildren(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && readParent(name) === pid)
    .map(Number)
}

function readParent(pid: string): number | undefined {
  const stat = readProcFile(`/proc/${pid}/stat`)
  // The name in parentheses may hold anything; state and parent follow it.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

function readAnonymous(pid: number): number {
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(readProcFile(`/proc/${pid}/status`))?.[1]
  return Number(kilobytes ?? 0) * 1024
}

/** Processes come and go while they are looked at. */
function readProcFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
