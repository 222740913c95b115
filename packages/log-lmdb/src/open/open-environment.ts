// Opens LMDB's environment of a directory so that other processes which hold it notice nothing.

import { realpathSync } from 'node:fs'
import { LogError } from '@tidemark/log'
import type { RootDatabase } from 'lmdb'
import { aloneInTurn } from '../append/own-turns.ts'
import { busyLooksMax, staleBeginsMax } from '../limits.ts'
import { NewestState } from '../lmdb-files/newest-state.ts'
import { nameTables, openRoot } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'
import type { Durability } from './settings.ts'

export interface Environment {
  readonly root: RootDatabase<Buffer, Buffer>
  readonly newest: NewestState
}

/**
 * Opens LMDB, and repairs at once what opening may have done to other processes; see
 * `newest-state.ts`.
 */
export function openEnvironment(
  directory: string,
  overlappingSync: boolean | undefined,
): Promise<Environment> {
  return aloneInTurn(realpathSync(directory), () => {
    const root = openRoot(directory, overlappingSync)
    const newest = new NewestState(directory)
    transact({ root, newest }, () => undefined)
    return { root, newest }
  })
}

/**
 * Opens the tables, and makes those that are missing. One transaction that continues the newest
 * state does both. Otherwise processes that make a directory at once would overwrite each other's
 * tables.
 * @throws LogError `LOG_DIRECTORY_LOST`, `LOG_UNAVAILABLE`
 */
export async function openTables(environment: Environment): Promise<Tables> {
  const tables = await transactNewest(environment, () => nameTables(environment.root))
  return { ...environment, ...tables }
}

/**
 * Runs `task` in a write transaction that continues the newest state; see `newest-state.ts`. LMDB
 * also writes to open a table.
 * @throws LogError `LOG_DIRECTORY_LOST`, `LOG_UNAVAILABLE`
 */
export function transactNewest<T>(environment: Environment, task: () => T): Promise<T> {
  return aloneInTurn(environment.newest.directory, () => transact(environment, task))
}

/** The main thread waits for the write lock. */
function transact<T>({ root, newest }: Environment, task: () => T): T {
  for (let begins = 0; begins < staleBeginsMax; begins++) {
    const done = root.transactionSync(() => {
      if (newest.isBaseOf(root.getWriteTxnId())) return { result: task() }
      newest.mend()
      return undefined
    })
    if (done !== undefined) return done.result
  }
  throw toStale()
}

/** The error when no transaction continues the newest state. */
export function toStale(): LogError {
  return new LogError(
    'LOG_UNAVAILABLE',
    `Nothing was stored: ${staleBeginsMax} transactions in a row would have begun at an older state than the newest one. See which programs open the directory again and again, and try again.`,
  )
}

/**
 * Opens LMDB to read a log that other processes hold, without the write lock. A process that stands
 * still may hold that lock for ever, and {@link openEnvironment} would wait for it, deaf to
 * signals. The lock is taken only if opening has set the other processes back.
 */
export async function openBeside(directory: string): Promise<Environment> {
  const root = openRoot(directory, undefined, true)
  const newest = new NewestState(directory)
  for (let looks = 0; looks < busyLooksMax; looks++) {
    const visible = newest.visibleId
    newest.check()
    // They also differ in the middle of a commit.
    if (visible === newest.highestId) return { root, newest }
    await new Promise((resolve) => setImmediate(resolve))
  }
  await root.close()
  newest.close()
  return openEnvironment(directory, undefined)
}

/** Windows flushes slowly beside writes; there `commit` is as durable as `fsync`. */
export function overlapsSync(durability: Durability): boolean {
  return durability === 'commit' && process.platform !== 'win32'
}
