// Processes as Linux shows them in `/proc`: who started whom, and what they use.

import { listProc, readProc } from './read-proc.ts'

/** The fields of `/proc/<pid>/stat` that are used here. Numbers of fields are those of proc_pid_stat(5). */
export interface ProcessStat {
  /** Field 3: `Z` and `X` have ended. */
  readonly state: string
  /** Field 4. */
  readonly parent: number
  /** CPU time since its start, in milliseconds: fields 14 and 15. */
  readonly userMs: number
  readonly systemMs: number
}

/** The resources that a process has used. */
export interface Usage {
  /** CPU time since its start, seconds. */
  readonly cpuSeconds: number
  /** Bytes of memory: its own, and its part of what it shares with others (proportional set size). */
  readonly memoryBytes: number
}

/** /proc counts in hundredths of a second whatever the kernel's own clock is: USER_HZ. */
export const tickMs: number = 10

/** The numbers of all processes. */
export function listPids(): readonly number[] {
  return listProc('.').map(Number).filter(Number.isInteger)
}

/** Undefined when there is no such process. */
export function readStat(pid: number): ProcessStat | undefined {
  const text = readProc(`${pid}/stat`)
  if (text === '') return undefined
  // The second field, the name in parentheses, may hold anything.
  const [state = '', parent, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [userMs, systemMs] = [Number(fields[9]) * tickMs, Number(fields[10]) * tickMs]
  return { state, parent: Number(parent), userMs, systemMs }
}

/** The processes themselves and all that descend from them. */
export function listFamily(pids: readonly number[]): readonly number[] {
  const children = new Map<number, number[]>()
  for (const pid of listPids()) {
    const parent = readStat(pid)?.parent ?? 0
    children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  const family = new Set(pids)
  // A set hands out what is added while it is walked.
  for (const pid of family) for (const child of children.get(pid) ?? []) family.add(child)
  return [...family]
}

/** The resources of a process; undefined when it has ended. */
export function readUsage(pid: number): Usage | undefined {
  const stat = readStat(pid)
  if (stat === undefined) return undefined
  const share = readKilobytes(readProc(`${pid}/smaps_rollup`), 'Pss')
  return {
    cpuSeconds: (stat.userMs + stat.systemMs) / 1_000,
    // The share of somebody else's process is not for everybody to read.
    memoryBytes: share || readKilobytes(readProc(`${pid}/status`), 'VmRSS'),
  }
}

/** A line `Name:  123 kB`, in bytes; 0 without one. */
export function readKilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1_024
}
