// The processes that still run, and the memory and CPU time that families of processes use.

import { listFamily, listPids, readKilobytes, readProc, readStat, tickMs } from 'tidemark/bench'
import { sum } from '../sum.ts'

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
    userMs: sum(stats, ({ userMs }) => userMs),
    systemMs: sum(stats, ({ systemMs }) => systemMs),
  }
}

/** CPU time of all processes of the machine since it started, in milliseconds. */
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
 * Resident heaps, stacks and buffers of a process and its descendants, in bytes. `readMemory` costs
 * the kernel a walk over all pages. This number the kernel has at hand, for callers that look many
 * times a second.
 */
export function readAnonymousBytes(pid: number): number {
  return sum(listFamily([pid]), (each) => readKilobytes(readProc(`${each}/status`), 'RssAnon'))
}
