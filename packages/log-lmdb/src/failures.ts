// Turns errors of lmdb and of the file system into errors of a log.

import { LogError } from '@tidemark/log'

/** lmdb throws "Commit failed" at once. The reason comes by a promise of its own. */
export async function toUnavailable(error: unknown, doing: string): Promise<LogError> {
  if (error instanceof LogError) return error
  const cause = await findCause(error)
  if (isDamage(cause)) {
    return new LogError(
      'LOG_DAMAGED',
      `The data is damaged, LMDB found while ${doing}: ${describe(cause)}. ${whatToDo(undefined)}`,
      { cause },
    )
  }
  return new LogError(
    'LOG_UNAVAILABLE',
    `Storage failed while ${doing}: ${describe(cause)}. Nothing of it was stored; see to the disk and try again.`,
    { cause },
  )
}

/** The error when a log or a backup cannot be read. */
export function toUnreadable(path: string, error: unknown): LogError {
  if (error instanceof LogError) return error
  if (isDamage(error)) return toDamaged(path, `LMDB found ${describe(error)}`)
  return new LogError(
    'LOG_UNAVAILABLE',
    `${JSON.stringify(path)} cannot be read: ${describe(error)}. Read it as the user of the hub, or see to the disk.`,
    { cause: error },
  )
}

/** The error when a backup cannot be written. */
export async function toNoBackup(target: string, error: unknown): Promise<LogError> {
  if (error instanceof LogError) return error
  const cause = await findCause(error)
  return new LogError(
    'LOG_NOT_WRITABLE',
    `The backup ${JSON.stringify(target)} cannot be written: ${describe(cause)}. Nothing is left of it; see to the disk, or name a place this user may write.`,
    { cause },
  )
}

/** The error when a restored log cannot be written. */
export async function toNotRestored(directory: string, error: unknown): Promise<LogError> {
  return error instanceof LogError ? error : toNotWritable(directory, await findCause(error))
}

export function toNotWritable(directory: string, cause: unknown): LogError {
  return new LogError(
    'LOG_NOT_WRITABLE',
    `The data directory ${JSON.stringify(directory)} cannot be created or written: ${describe(cause)}. Name a directory this user may write.`,
    { cause },
  )
}

export function toForeign(directory: string, reason: string, cause?: unknown): LogError {
  return new LogError(
    'LOG_FORMAT_FOREIGN',
    `${JSON.stringify(directory)} is not a Tidemark log: ${reason}. Name an empty or a new directory.`,
    { cause },
  )
}

/** Something was named as a log, or as a backup of one, and is neither. */
export function toNoLog(path: string, reason: string, cause?: unknown): LogError {
  return new LogError(
    'LOG_FORMAT_FOREIGN',
    `${JSON.stringify(path)} is not a Tidemark log: ${reason}. Name the data directory of a hub, or a backup.`,
    { cause },
  )
}

export function toNewer(path: string): LogError {
  return new LogError(
    'LOG_FORMAT_NEWER',
    `${JSON.stringify(path)} was written by a newer version of Tidemark, and only that version can look its records through. Run that version.`,
  )
}

export function toHeld(directory: string, { pid }: { readonly pid: number | undefined }): LogError {
  const who = pid === undefined ? 'a process' : `process ${pid}`
  return new LogError(
    'LOG_HELD',
    `The log in ${JSON.stringify(directory)} is held by ${who}. Stop the hub first; nothing was changed.`,
  )
}

/**
 * The two versions cannot read each other's epochs. An older one would also remove the entries of
 * ledgers as it removes events.
 */
export function toHeldByOlder(directory: string, pid: number): LogError {
  return new LogError(
    'LOG_HELD',
    `The log in ${JSON.stringify(directory)} is held by process ${pid}, which runs an older version of Tidemark. Stop every process that holds the directory, then start this one again.`,
  )
}

/** @param directory of the log, or a file that is a backup of one */
export function toDamaged(path: string, reason: string): LogError {
  return new LogError(
    'LOG_DAMAGED',
    `The data of ${JSON.stringify(path)} is damaged: ${reason}. ${whatToDo(path)}`,
  )
}

/**
 * The advice never says to delete anything: there may be no backup, and a specialist may still read
 * the data.
 */
function whatToDo(directory: string | undefined): string {
  const data = directory === undefined ? '<directory>' : JSON.stringify(directory)
  return `Keep it as it is; restore a backup with: tidemark restore <backup> --data ${data} --replace, which moves the old directory aside.`
}

/** Whether an error is the one that LMDB throws for a page it did not expect. */
function isDamage(cause: unknown): boolean {
  return /MDB_(CORRUPTED|PAGE_NOTFOUND|INVALID|VERSION_MISMATCH)/.test(describe(cause))
}

export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function findCause(error: unknown): Promise<unknown> {
  const later =
    error instanceof Error ? (error as { commitError?: unknown }).commitError : undefined
  if (!(later instanceof Promise)) return error
  const reason = later.then(
    () => error,
    (cause: unknown) => cause,
  )
  // The reason comes in the same turn. If the reason does not come, the publisher still needs an
  // answer.
  const turn = new Promise<unknown>((resolve) => {
    setImmediate(() => setImmediate(() => resolve(error)))
  })
  return await Promise.race([reason, turn])
}
