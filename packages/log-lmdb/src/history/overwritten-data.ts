// Finds out, before LMDB maps the data, whether a copy was put over it while the hub goes on.
//
// The danger is a worker that replaces one which died of the copying. The copy contains entries of
// the other workers, so the new worker would continue their epoch. A copy may overwrite all files
// of the directory. So the hub keeps the newest commit that its workers have seen, and passes it to
// the new worker.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { LogError } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { dataFile, lockFile } from '../lmdb-files/file-names.ts'
import type { Holder } from '../open/holders.ts'
import { findAlive } from '../lmdb-files/stored-holders.ts'
import { copyLooksMax, copyQuietMs } from '../limits.ts'
import { readStoredLog } from '../lmdb-files/stored-log.ts'
import { wakeFile } from '../tail/wake-file.ts'

/** The newest commit that a handle knows of, by whatever process. */
export interface SeenCommit {
  /** The epoch it writes. */
  readonly epoch: string
  /** LMDB's number of the newest transaction. */
  readonly transaction: number
}

interface Look {
  readonly directory: string
  readonly seen: SeenCommit
  readonly own: Holder
}

/**
 * Whether the data is another log than was seen, or an older state, and nobody holds it. Such data
 * must be checked, and its opener begins an epoch. Waits until nobody copies any more.
 * @throws LogError `LOG_DIRECTORY_LOST` when the data is older and somebody holds it
 */
export async function findOverwrite(look: Look & { readonly clock: Clock }): Promise<boolean> {
  const { directory, clock } = look
  if (!existsSync(join(directory, dataFile))) return false
  let state = compare(look)
  if (state === 'free') {
    await untilQuiet(directory, clock)
    state = compare(look)
  }
  if (state === 'held') throw toOverwritten(directory)
  return state === 'free'
}

/** The error for a process that opens a directory with an older copy. */
export function toOverwritten(directory: string): LogError {
  return new LogError(
    'LOG_DIRECTORY_LOST',
    `An older copy was put over the log in ${JSON.stringify(directory)} while processes hold it. Stop every process that holds the directory, then start again.`,
  )
}

/**
 * `free`: the data is not what was seen, as far as it can be read, and nobody seems to hold it.
 * `held`: the same, but a process holds it.
 */
function compare({ directory, seen, own }: Look): 'same' | 'held' | 'free' {
  const stored = readStoredLog(directory)
  // A file that is being copied may have any beginning, or none.
  if (stored === undefined) return 'free'
  const { identity, holders, states } = stored
  const isHeld = findAlive(holders, own) !== undefined
  // A worker that began another epoch may not have reported it yet.
  if (identity?.lineage.epochs.at(-1) !== seen.epoch) return isHeld ? 'same' : 'free'
  // Each transaction overwrites the older of two states, and leaves the one it continues.
  const { newest, before } = states
  const isBehind =
    newest.transaction < seen.transaction || (before?.transaction ?? 0) < seen.transaction - 1
  if (!isBehind) return 'same'
  return isHeld ? 'held' : 'free'
}

/**
 * Waits until nobody writes the file. If a hub wrote into a file that is still being copied, its
 * pages would be overwritten.
 */
async function untilQuiet(directory: string, clock: Clock): Promise<void> {
  let before = describeFiles(directory)
  for (let looks = 0; looks < copyLooksMax; looks++) {
    await new Promise<void>((resolve) => {
      clock.after(copyQuietMs, resolve, { isAwaited: true })
    })
    const now = describeFiles(directory)
    if (now === before) return
    before = now
  }
}

function describeFiles(directory: string): string {
  return [dataFile, lockFile, wakeFile]
    .map((name) => statSync(join(directory, name), { bigint: true, throwIfNoEntry: false }))
    .map((found) => `${found?.ino} ${found?.size} ${found?.mtimeNs} ${found?.ctimeNs}`)
    .join('\n')
}
