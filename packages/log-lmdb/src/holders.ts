// Who holds the directory: one entry per open handle, which stays behind when its process or machine dies.

import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import type { Clock } from '@tidemark/log'
import { asBuffer, textKey } from './schema.ts'
import type { Table } from './schema.ts'

export interface Holder {
  readonly pid: number
  /** Which start of the machine the process belongs to. */
  readonly bootId: string
  /** When the process started, in the machine's own terms; empty where the system does not tell. */
  readonly started: string
  /** Its data file and lock file, as `held-files.ts` names them; missing in entries of older versions. */
  readonly data?: string | undefined
  readonly lock?: string | undefined
}

export interface HeldBy extends Holder {
  readonly key: Buffer
}

export const holderPrefix = 'holder:'

/** @param random tells two handles of one process apart */
export function holderKey(pid: number, random: string): Buffer {
  return textKey(`${holderPrefix}${pid}:${random}`)
}

export function describeOwnProcess(clock: Clock): Holder {
  return { pid: process.pid, bootId: readBootId(clock), started: readStart(process.pid) ?? '' }
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
 * Whether the process of an entry still runs and holds this directory. A process that got the same id later is another one; and
 * entries in the copy of a directory are of those who hold the original.
 */
export function isAlive(holder: Holder, own: Holder): boolean {
  if (holder.bootId !== own.bootId) return false
  if (holder.data !== undefined && own.data !== undefined && holder.data !== own.data) return false
  if (holder.pid === own.pid) return holder.started === own.started
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    // EPERM: it runs, as another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const started = readStart(holder.pid)
  return started === undefined || holder.started === '' || started === holder.started
}

function readBootId(clock: Clock): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    // To the nearest 10 minutes, because the clock is set while the machine runs. A start told apart wrongly costs
    // one gap of reason `epoch`.
    return `up-since-${Math.round((clock.now() / 1000 - uptime()) / 600)}`
  }
}

/** Field 22 of `/proc/<pid>/stat`, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function readStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command's name, field 2, may hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
