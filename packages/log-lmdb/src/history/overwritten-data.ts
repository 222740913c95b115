// Whether a copy was put over the data of a hub that goes on, found out before LMDB maps it.
//
// A worker that comes in the place of one that died of the copying reads in the copy that the others hold it, and would go on in
// their epoch: the copy has their entries. All files of the directory may have been written over. So the hub hands it what the others
// have seen, which no copy takes along.

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

/** What a handle knows to have been committed, by whatever process. */
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
 * Whether the data is another than was seen, or an older state of it, and nobody holds it. Then it is to be looked through, and whoever
 * opens it begins an epoch. Waits until nobody copies any more.
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

/** What to say of an older copy to a process that comes. */
export function toOverwritten(directory: string): LogError {
  return new LogError(
    'LOG_DIRECTORY_LOST',
    `An older copy was put over the log in ${JSON.stringify(directory)} while processes hold it. Stop every process that holds the directory, then start again.`,
  )
}

/** `free`: not what was seen, as far as it can be read, and nobody seems to hold it. `held`: the same, and somebody does. */
function compare({ directory, seen, own }: Look): 'same' | 'held' | 'free' {
  const stored = readStoredLog(directory)
  // A file that is being copied has any beginning, or none.
  if (stored === undefined) return 'free'
  const { identity, holders, states } = stored
  const isHeld = findAlive(holders, own) !== undefined
  // A worker that began another epoch may not have said so yet.
  if (identity?.lineage.epochs.at(-1) !== seen.epoch) return isHeld ? 'same' : 'free'
  // Each transaction writes over the older of two states, and leaves the one it goes on from.
  const { newest, before } = states
  const isBehind =
    newest.transaction < seen.transaction || (before?.transaction ?? 0) < seen.transaction - 1
  if (!isBehind) return 'same'
  return isHeld ? 'held' : 'free'
}

/** A hub that began to write in a file that is still being copied would have its pages written over. */
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
