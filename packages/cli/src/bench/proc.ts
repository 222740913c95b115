// Linux's `/proc`: who listens on a port, who is whose child, what a process uses, and what this one may use.

import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/** What a process has used. */
export interface Usage {
  /** CPU time since its start, seconds. */
  readonly cpuSeconds: number
  /** Bytes of memory: its own, and its part of what it shares with others (proportional set size). */
  readonly memoryBytes: number
}

/** Clock ticks per second in `/proc/…/stat`: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100
/** `TCP_LISTEN` in `/proc/net/tcp`. */
const listenState = '0A'

/** Processes that hold a socket listening on `port`. */
export function findListeners(port: number): number[] {
  const inodes = new Set(['tcp', 'tcp6'].flatMap((name) => readListeningInodes(name, port)))
  if (inodes.size === 0) return []
  return listPids().filter((pid) =>
    readNames(`/proc/${pid}/fd`).some((descriptor) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${descriptor}`))?.[1]
      return inode !== undefined && inodes.has(inode)
    }),
  )
}

/** The processes themselves and all that descend from them. */
export function withDescendants(pids: readonly number[]): number[] {
  const parents = listPids().map((pid) => [pid, readStat(pid)?.parent ?? 0] as const)
  const family = new Set(pids)
  for (let size = 0; size !== family.size;) {
    size = family.size
    for (const [pid, parent] of parents) if (family.has(parent)) family.add(pid)
  }
  return [...family]
}

/** What a process uses; undefined when it has ended or belongs to somebody else. */
export function readUsage(pid: number): Usage | undefined {
  const stat = readStat(pid)
  if (stat === undefined) return undefined
  const share = /^Pss:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/smaps_rollup`))?.[1]
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/status`))?.[1]
  return {
    cpuSeconds: stat.ticks / ticksPerSecond,
    memoryBytes: Number(share ?? resident ?? 0) * 1024,
  }
}

/**
 * How many file descriptors this process may have; undefined where that cannot be read. Node raises the soft limit to the hard one
 * when it starts, so this is what there is.
 */
export function readDescriptorLimit(): number | undefined {
  const soft = /^Max open files\s+(\d+)/m.exec(readText('/proc/self/limits'))?.[1]
  return soft === undefined ? undefined : Number(soft)
}

function readStat(pid: number): { readonly parent: number; readonly ticks: number } | undefined {
  const text = readText(`/proc/${pid}/stat`)
  // The name in brackets may hold spaces and brackets; fields are counted from its end. proc(5).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  if (fields.length < 13) return undefined
  return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
}

function readListeningInodes(name: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readText(`/proc/net/${name}`)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) === true && fields[3] === listenState)
    .flatMap((fields) => fields[9] ?? [])
}

function listPids(): number[] {
  return readNames('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function readNames(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
