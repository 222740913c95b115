// CPU time and memory of a server's processes and all their descendants, from Linux's /proc.

import { readdirSync, readFileSync } from 'node:fs'

/** CPU time since the processes began. */
export interface Cpu {
  readonly userMs: number
  readonly systemMs: number
}

/** Proportional set size: what is shared by several processes is divided among them. */
export interface Memory {
  readonly totalBytes: number
  /** Heaps and stacks. */
  readonly anonymousBytes: number
  /** Mapped files, such as programs and a memory-mapped log. The kernel takes these back when it needs to. */
  readonly fileBytes: number
}

/** /proc counts in hundredths of a second whatever the kernel's own clock is: USER_HZ. */
const tickMs = 10

/** Sums over processes and descendants. A process that has ended does not count, so servers must keep theirs. */
export function readCpu(pids: readonly number[]): Cpu {
  let userMs = 0
  let systemMs = 0
  for (const pid of withDescendants(pids)) {
    const fields = statFields(pid)
    // Fields 14 and 15 of proc_pid_stat(5); these begin with the third.
    userMs += Number(fields[11] ?? 0) * tickMs
    systemMs += Number(fields[12] ?? 0) * tickMs
  }
  return { userMs, systemMs }
}

/** What all processes of the machine have used since it started, in milliseconds. */
export function readBusyMs(): number {
  // user, nice, system, idle, iowait, irq, softirq, steal; proc_stat(5).
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (
    /^cpu +(.*)$/m.exec(readProc('stat'))?.[1] ?? ''
  )
    .split(' ')
    .map(Number)
  return (user + nice + system + irq + softirq + steal) * tickMs
}

/** Sums over processes and descendants. */
export function readMemory(pids: readonly number[]): Memory {
  const sum = { totalBytes: 0, anonymousBytes: 0, fileBytes: 0 }
  for (const pid of withDescendants(pids)) {
    const text = readProc(`${pid}/smaps_rollup`)
    sum.totalBytes += readKilobytes(text, 'Pss')
    sum.anonymousBytes += readKilobytes(text, 'Pss_Anon')
    sum.fileBytes += readKilobytes(text, 'Pss_File') + readKilobytes(text, 'Pss_Shmem')
  }
  return sum
}

/**
 * Bytes in the kernel's queues of all connections to a port of this machine: sent by the server and not acknowledged,
 * arrived and not read by the client. From /proc/net/tcp, which has the queues in hexadecimal as `sent:arrived`.
 */
export function readSocketQueues(port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  let bytes = 0
  for (const line of readProc('net/tcp').split('\n')) {
    const [, local = '', remote = '', , queues = ''] = line.trim().split(/ +/)
    const [sent = '0', arrived = '0'] = queues.split(':')
    if (local.endsWith(suffix)) bytes += Number.parseInt(sent, 16)
    if (remote.endsWith(suffix)) bytes += Number.parseInt(arrived, 16)
  }
  return bytes
}

function withDescendants(roots: readonly number[]): ReadonlySet<number> {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const parent = Number(statFields(pid)[1] ?? 0)
    children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  const found = new Set(roots)
  // A set hands out what is added while it is walked.
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child)
  return found
}

/** What follows the name, which is in parentheses and may hold spaces. */
function statFields(pid: number): readonly string[] {
  const text = readProc(`${pid}/stat`)
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function readKilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1_024
}

/** Empty for a process that is gone. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return ''
  }
}
