// Finds the data of a log by its directory or by its file.

import { readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { toNoLog, toUnreadable } from '../failures.ts'
import { dataFile, lockFile } from '../lmdb-files/file-names.ts'
import { sealFile } from '../lmdb-files/seal.ts'
import { wakeFile, hasCommits } from '../tail/wake-file.ts'

/** All files of a log in its directory; the data file first. */
export const logFiles: readonly string[] = [dataFile, lockFile, wakeFile, sealFile]

/** Prefix of the directory into which a restore moves old files. */
export const asidePrefix = 'before-restore-'

/**
 * Describes a directory without data whose restore was interrupted. Undefined for any other
 * directory.
 */
export function describeBrokenOff(directory: string): string | undefined {
  const aside = readdirSync(directory).find((name) => name.startsWith(asidePrefix))
  return aside && `what was there is in its ${aside}, and the restore was broken off`
}

export interface DataPath {
  /** The data file. */
  readonly path: string
  /** The log's directory; undefined for a backup. */
  readonly directory: string | undefined
  /** The fault, if a data file must be there and is not. */
  readonly damage: string | undefined
}

/**
 * @throws LogError `LOG_FORMAT_FOREIGN` when there is nothing, or nothing that may be a log;
 *   `LOG_UNAVAILABLE` when the path cannot be read
 */
export function findData(named: string): DataPath {
  const found = stat(named)
  if (found === undefined) throw toNoLog(named, 'there is nothing of this name')
  // A file named `data.mdb` is the data of a directory, which may be in use.
  const isBackup = found.isFile() && basename(named) !== dataFile
  if (isBackup) return { path: named, directory: undefined, damage: undefined }
  if (found.isFile()) return findData(dirname(named))
  const path = join(named, dataFile)
  const data = stat(path)
  const fault = describeMissing(data)
  if (fault === undefined) return { path, directory: named, damage: undefined }
  const reason = hasCommits(named) ? 'events have been appended to it' : describeBrokenOff(named)
  if (reason === undefined) throw toNoLog(named, fault)
  return { path, directory: named, damage: `${fault}, and ${reason}` }
}

/** Describes a data file that is missing or empty. */
function describeMissing(data: ReturnType<typeof statSync> | undefined): string | undefined {
  if (data === undefined) return `it holds no ${dataFile}`
  return data.size === 0 ? `its ${dataFile} has 0 bytes` : undefined
}

function stat(path: string): ReturnType<typeof statSync> | undefined {
  try {
    return statSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw toUnreadable(path, error)
  }
}
