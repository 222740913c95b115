// The holders of the directory: one entry per open handle. An entry stays behind when its process
// or machine dies.

import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import { threadId } from 'node:worker_threads'
import type { Clock } from '@tidemark/log'
import { asBuffer, textKey } from '../tables/schema.ts'
import type { Table } from '../tables/schema.ts'

export interface Holder {
  readonly pid: number
  /** Which start of the machine the process belongs to. */
  readonly bootId: string
  /** When the process started, in the machine's own terms; empty where the system does not tell. */
  readonly started: string
  /** The thread of the process that holds it; missing in entries of older versions. */
  readonly thread?: number | undefined
  /** Its data file and lock file, as `held-files.ts` names them; missing in entries of older versions. */
  readonly data?: string | undefined
  readonly lock?: string | undefined
}

export interface HeldBy extends Holder {
  readonly key: Buffer
}

export const holderPrefix = 'holder:'

/** Keys of the handles that this thread has open. */
const ownKeys = new Set<string>()

/**
 * The key of a handle's entry, for as long as it is open; see {@link closeHolder}.
 * @param random tells two handles of one process apart
 */
export function openHolder(pid: number, random: string): Buffer {
  const name = `${holderPrefix}${pid}:${random}`
  ownKeys.add(name)
  return textKey(name)
}

/**
 * Marks the handle as gone. Its entry counts as dead from now on, also when a copy of the data
 * brings it back.
 */
export function closeHolder(key: Buffer): void {
  ownKeys.delete(key.toString())
}

export function describeOwnProcess(clock: Clock): Holder {
  const started = readStat(process.pid)?.started ?? ''
  return { pid: process.pid, bootId: readBootId(clock), started, thread: threadId }
}

export function readHolders(meta: Table): readonly HeldBy[] {
  const holders: HeldBy[] = []
  for (const { key, value } of meta.getRange({
    start: textKey(holderPrefix),
    end: textKey('holder;'),
  })) {
    const holder = JSON.parse(asBuffer(value).toString()) as Holder
    holders.push({ ...holder, key: Buffer.from(key) })
  }
  return holders
}

export function writeHolder(meta: Table, key: Buffer, holder: Holder): void {
  void meta.put(key, Buffer.from(JSON.stringify(holder)))
}

/**
 * Whether the process of an entry still runs and holds this directory. A process that got the same
 * id later is another one. Entries in a copy of a directory belong to holders of the original, or
 * to handles that were closed since.
 */
export function isAlive(holder: Holder & Partial<HeldBy>, own: Holder): boolean {
  if (holder.bootId !== own.bootId) return false
  if (holder.data !== undefined && own.data !== undefined && holder.data !== own.data) return false
  if (holder.pid === own.pid) {
    if (holder.started !== own.started) return false
    const { key, thread } = holder
    return key === undefined || thread !== threadId || ownKeys.has(key.toString())
  }
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    // EPERM: it runs, as another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const found = readStat(holder.pid)
  // A zombie: it was killed, and its parent has not asked for its exit code yet.
  if (found !== undefined && ended.has(found.state)) return false
  return found === undefined || holder.started === '' || found.started === holder.started
}

function readBootId(clock: Clock): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    // To the nearest 10 minutes, because the clock is set while the machine runs. If one start is
    // taken for two, the cost is one gap of reason `epoch`.
    return `up-since-${Math.round((clock.now() / 1000 - uptime()) / 600)}`
  }
}

/** States of zombies, and of processes that are about to vanish. */
const ended: ReadonlySet<string | undefined> = new Set(['Z', 'X', 'x'])

interface Stat {
  readonly state: string | undefined
  readonly started: string | undefined
}

/** Fields 3 and 22 of `/proc/<pid>/stat`, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function readStat(pid: number): Stat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command's name, field 2, may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0], started: fields[19] }
  } catch {
    return undefined
  }
}
