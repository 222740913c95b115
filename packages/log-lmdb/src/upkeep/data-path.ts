// Where the data of a log is, named by its directory or as a file.

import { readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { toNoLog, toUnreadable } from '../failures.ts'
import { dataFile, lockFile } from '../lmdb-files/file-names.ts'
import { sealFile } from '../lmdb-files/seal.ts'
import { wakeFile, hasCommits } from '../tail/wake-file.ts'

/** All files of a log in its directory; the data file first. */
export const logFiles: readonly string[] = [dataFile, lockFile, wakeFile, sealFile]

/** How the directory within begins to which a restore moves what was there. */
export const asidePrefix = 'before-restore-'

/** What to say of a directory without data whose restore was broken off; nothing of any other. */
export function describeBrokenOff(directory: string): string | undefined {
  const aside = readdirSync(directory).find((name) => name.startsWith(asidePrefix))
  return aside && `what was there is in its ${aside}, and the restore was broken off`
}

export interface DataPath {
  /** The data file. */
  readonly path: string
  /** The log's directory; undefined for a backup. */
  readonly directory: string | undefined
  /** There must be a data file, and there is none; else undefined. */
  readonly damage: string | undefined
}

/** @throws LogError `LOG_FORMAT_FOREIGN` when there is nothing, or nothing that may be a log; `LOG_UNAVAILABLE` when that cannot be seen */
export function findData(named: string): DataPath {
  const found = stat(named)
  if (found === undefined) throw toNoLog(named, 'there is nothing of this name')
  // By its own name it is the data of a directory, which may be in use.
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

/** What is wrong with a directory's data file before it is read. */
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
