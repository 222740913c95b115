// Processes as Linux shows them: who started whom, who still runs, and what they use.

import { listProc, readProc } from './read-proc.ts'

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

/** What `/proc/<pid>/stat` says. Numbers of fields are those of proc_pid_stat(5). */
interface Stat {
  /** Field 3: `Z` and `X` have ended. */
  readonly state: string
  /** Field 4. */
  readonly parent: number
  /** Fields 14 and 15. */
  readonly userTicks: number
  readonly systemTicks: number
}

/** /proc counts in hundredths of a second whatever the kernel's own clock is: USER_HZ. */
const tickMs = 10

/** The processes that a process has started and that still run, in the order of their numbers. */
export function listChildren(pid: number): readonly number[] {
  return listPids().filter((each) => readStat(each)?.parent === pid && isRunning(each))
}

/** Whether there is such a process, other than one that only waits for its parent to notice its end. */
export function isRunning(pid: number): boolean {
  const state = readStat(pid)?.state
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/** Sums over processes and all their descendants. A process that has ended does not count. */
export function readCpu(pids: readonly number[]): Cpu {
  const stats = listFamily(pids).flatMap((pid) => readStat(pid) ?? [])
  return {
    userMs: sum(stats, ({ userTicks }) => userTicks) * tickMs,
    systemMs: sum(stats, ({ systemTicks }) => systemTicks) * tickMs,
  }
}

/** What all processes of the machine have used since it started, in milliseconds. */
export function readMachineCpuMs(): number {
  // user, nice, system, idle, iowait, irq, softirq, steal; proc_stat(5).
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (
    /^cpu +(.*)$/m.exec(readProc('stat'))?.[1] ?? ''
  )
    .split(' ')
    .map(Number)
  return (user + nice + system + irq + softirq + steal) * tickMs
}

/** Sums over processes and all their descendants. */
export function readMemory(pids: readonly number[]): Memory {
  const texts = listFamily(pids).map((pid) => readProc(`${pid}/smaps_rollup`))
  const sumOf = (name: string): number => sum(texts, (text) => readKilobytes(text, name))
  return {
    totalBytes: sumOf('Pss'),
    anonymousBytes: sumOf('Pss_Anon'),
    fileBytes: sumOf('Pss_File') + sumOf('Pss_Shmem'),
  }
}

/**
 * Resident heaps, stacks and buffers of a process and its descendants, in bytes. What `readMemory` finds takes the kernel a
 * walk over all pages; this is a number it has at hand, for who looks many times a second.
 */
export function readAnonymousBytes(pid: number): number {
  return sum(listFamily([pid]), (each) => readKilobytes(readProc(`${each}/status`), 'RssAnon'))
}

/** The processes themselves and all that descend from them. */
function listFamily(pids: readonly number[]): readonly number[] {
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

function listPids(): readonly number[] {
  return listProc('.').map(Number).filter(Number.isInteger)
}

function readStat(pid: number): Stat | undefined {
  const text = readProc(`${pid}/stat`)
  if (text === '') return undefined
  // The second field, the name in parentheses, may hold anything.
  const [state = '', parent, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return {
    state,
    parent: Number(parent),
    userTicks: Number(fields[9]),
    systemTicks: Number(fields[10]),
  }
}

/** A line `Name:  123 kB`, in bytes; 0 without one. */
function readKilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1_024
}

function sum<Item>(items: readonly Item[], measure: (item: Item) => number): number {
  return items.reduce((total, item) => total + measure(item), 0)
}
