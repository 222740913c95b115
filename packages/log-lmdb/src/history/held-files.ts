// The open files of a handle, and whether the directory's path still leads to them.
//
// Somebody may remove, move or replace a directory under a running process. The open files go on
// working, unseen by later processes. There would be two histories under one name, or two writers
// that do not know of each other.

import { fstatSync, statSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { join } from 'node:path'
import { LogError } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { dataFile, lockFile } from '../lmdb-files/file-names.ts'
import { describeOwnProcess, isAlive, readHolders } from '../open/holders.ts'
import type { Holder } from '../open/holders.ts'
import type { NewestState } from '../lmdb-files/newest-state.ts'
import type { Table } from '../tables/schema.ts'

/**
 * Error codes that say that a path leads nowhere. Others, such as EACCES, say nothing about the
 * file.
 */
const nowhere: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

/** A name for a file, valid for as long as the file is open or has a path. */
type FilePlace = string

/** The place of a path that cannot be looked at. */
const unreadable: FilePlace = 'unreadable'

export interface HeldFilesOptions {
  /** An absolute path. */
  readonly directory: string
  readonly newest: NewestState
  /** Called when the directory is lost and when it is back, once each time. */
  readonly onChange: (text: string) => void
}

/** The data file and the lock file of one handle. */
export class HeldFiles {
  readonly places: FilePlaces
  /** A name for the data file that its copies do not share. */
  readonly copy: string
  readonly #directory: string
  readonly #onChange: (text: string) => void
  readonly #held: readonly HeldFile[]
  #loss: string | undefined

  /** Make it when the directory is open, before anything is written to it. */
  constructor({ directory, newest, onChange }: HeldFilesOptions) {
    this.#directory = directory
    this.#onChange = onChange
    const data = hold(directory, dataFile, newest.dataDescriptor)
    const lock = hold(directory, lockFile, newest.lockDescriptor)
    this.#held = [data, lock]
    this.places = { data: data.place, lock: lock.place }
    this.copy = findCopy(data.file)
  }

  get isLost(): boolean {
    return this.#loss !== undefined
  }

  /** Why it is lost. */
  get fault(): LogError | undefined {
    return this.#loss === undefined ? undefined : toLost(this.#directory, this.#loss)
  }

  /**
   * Checks the two files, ~3 µs. That is cheap enough for every write transaction (0.35 ms with its
   * flush).
   * @throws LogError `LOG_DIRECTORY_LOST`
   */
  require(): void {
    this.check()
    const { fault } = this
    if (fault !== undefined) throw fault
  }

  /** Checks the files and reports a change. */
  check(): void {
    const loss = this.#findLoss()
    const wasLost = this.isLost
    this.#loss = loss
    if (wasLost === this.isLost) return
    this.#onChange(
      loss === undefined
        ? `The data directory ${JSON.stringify(this.#directory)} is back; events are stored again.`
        : describeLoss(this.#directory, loss),
    )
  }

  #findLoss(): string | undefined {
    for (const held of this.#held) {
      const found = findPlace(held.path)
      if (found === held.place) continue
      const { nlink } = fstatSync(held.file, { bigint: true })
      if (found === unreadable && nlink > 0n) continue
      const isReplaced = found !== undefined && found !== unreadable
      return describeFate(held.name, { isRemoved: nlink === 0n, isReplaced })
    }
    return undefined
  }
}

/** The places of a directory's files. */
export interface FilePlaces {
  /** Undefined when there is none. */
  readonly data: FilePlace | undefined
  readonly lock: FilePlace | undefined
}

/** The files that a directory's path leads to now. */
export function findPlaces(directory: string): FilePlaces {
  return {
    data: findPlace(join(directory, dataFile)),
    lock: findPlace(join(directory, lockFile)),
  }
}

/**
 * Checks that a directory holds the data file of another handle, before a new one would be made.
 * @throws LogError `LOG_DIRECTORY_LOST`
 */
export function requirePlace(
  directory: string,
  expected: FilePlace,
  { data: found }: FilePlaces,
): void {
  if (found === expected) return
  throw toLost(
    directory,
    `${found === undefined ? `it has no ${dataFile}` : `its ${dataFile} is another`}. ${startAnew}`,
  )
}

/**
 * Refuses a directory that a running process holds with another lock file. Neither process would
 * notice writes of the other.
 * @throws LogError `LOG_DIRECTORY_LOST`
 */
export function refuseOtherLock(meta: Table, directory: string, own: Holder): void {
  for (const holder of readHolders(meta)) {
    // Entries of older versions do not name a lock file.
    if (holder.lock === undefined || holder.lock === own.lock) continue
    if (!isAlive(holder, own)) continue
    throw new LogError(
      'LOG_DIRECTORY_LOST',
      `The data directory ${JSON.stringify(directory)} is held by process ${holder.pid} with a ${lockFile} that was removed or replaced while it ran. Stop that process, then start again.`,
    )
  }
}

interface HeldFile {
  readonly name: string
  readonly path: string
  readonly file: number
  readonly place: FilePlace
}

function hold(directory: string, name: string, file: number): HeldFile {
  const place = toPlace(fstatSync(file, { bigint: true }))
  return { name, path: join(directory, name), file, place }
}

function findPlace(path: string): FilePlace | undefined {
  try {
    return toPlace(statSync(path, { bigint: true }))
  } catch (error) {
    return nowhere.has((error as NodeJS.ErrnoException).code) ? undefined : unreadable
  }
}

/**
 * A copy is made later than its original, even if it gets the number of a removed file. The device
 * may change with every mount. It counts only if the time of creation is unknown: missing, or equal
 * to the time of the last change.
 */
function findCopy(file: number): string {
  const { dev, ino, birthtimeNs, ctimeNs } = fstatSync(file, { bigint: true })
  const isUnknown = birthtimeNs === 0n || birthtimeNs === ctimeNs
  return isUnknown ? toPlace({ dev, ino }) : `${ino}@${birthtimeNs}`
}

function toPlace({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): FilePlace {
  return `${dev}:${ino}`
}

const startAnew = 'Put back what was there, or stop the hub and start it with what is there now.'

/** Describes the fate of a file and the remedy. */
function describeFate(
  name: string,
  { isRemoved, isReplaced }: { readonly isRemoved: boolean; readonly isReplaced: boolean },
): string {
  const fate = `its ${name} was ${isRemoved ? 'removed' : 'moved away'}${isReplaced ? ', and another is in its place' : ''}`
  if (name === lockFile)
    return `${fate}. Stop every process that holds the directory, then start again.`
  if (!isRemoved) return `${fate}. ${startAnew}`
  return `${fate}. Stop the hub, then start it with a backup or with what is there now.`
}

function toLost(directory: string, loss: string): LogError {
  return new LogError('LOG_DIRECTORY_LOST', describeLoss(directory, loss))
}

function describeLoss(directory: string, loss: string): string {
  return `Nothing is stored: the data directory ${JSON.stringify(directory)} is not the one this hub began with; ${loss}`
}

/** This process as a holder of the directory as it is now. */
export function describeOwnHolder(clock: Clock, directory: string): Holder {
  return { ...describeOwnProcess(clock), ...findPlaces(directory) }
}
