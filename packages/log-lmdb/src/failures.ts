// What lmdb and the file system throw, as errors of a log.

import { LogError } from '@tidemark/log'

/** lmdb says "Commit failed" at once and the reason by a promise of its own. */
export async function toUnavailable(error: unknown, doing: string): Promise<LogError> {
  if (error instanceof LogError) return error
  const cause = await findCause(error)
  return new LogError(
    'LOG_UNAVAILABLE',
    `Storage failed while ${doing}: ${describe(cause)}. Nothing of it was stored; see to the disk and try again.`,
    { cause },
  )
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

export function toDamaged(path: string, reason: string): LogError {
  return new LogError(
    'LOG_DAMAGED',
    `The data file ${JSON.stringify(path)} is damaged: ${reason}. Restore it from a backup, or move the directory away and start anew.`,
  )
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
  // The reason comes in the same turn. Should it not come at all, the publisher must still get an answer.
  const turn = new Promise<unknown>((resolve) => {
    setImmediate(() => setImmediate(() => resolve(error)))
  })
  return await Promise.race([reason, turn])
}
