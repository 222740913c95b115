// Checks the options of a log, because callers in JavaScript may pass anything.

import { resolve } from 'node:path'
import { systemClock } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { invalidOption, readMembers, requireClock, requireFunction } from '@tidemark/log/driver'
import { pollDefaultMs, pollRangeMs } from '../limits.ts'
import type { SeenCommit } from '../history/overwritten-data.ts'
import type { Durability } from './settings.ts'

/** The options that are checked here. `validateRetention` checks the retention. */
interface Given {
  readonly directory?: unknown
  readonly durability?: unknown
  readonly retention?: unknown
  readonly place?: unknown
  readonly seen?: unknown
  readonly onSeen?: unknown
  readonly clock?: unknown
  readonly pollMs?: unknown
  readonly onHandlerError?: unknown
  readonly onWarning?: unknown
}

/** Options with their defaults filled in. */
interface Checked {
  readonly directory: string
  readonly durability: Durability
  readonly clock: Clock
  readonly pollMs: number
}

const names = [
  'directory',
  'durability',
  'retention',
  'place',
  'seen',
  'onSeen',
  'clock',
  'pollMs',
  'onHandlerError',
  'onWarning',
] as const

/**
 * Checks options.
 * @throws LogError `OPTION_INVALID`
 */
export function checkOptions(options: Given): Checked {
  const members = readMembers(options, names, {
    code: 'OPTION_INVALID',
    what: 'The options of openLmdbLog',
  })
  const { durability = 'fsync', clock = systemClock, pollMs = pollDefaultMs } = members
  if (durability !== 'fsync' && durability !== 'commit')
    throw invalidOption('durability must be fsync or commit', durability)
  requireClock(clock)
  if (!isPoll(pollMs))
    throw invalidOption(
      `pollMs must be a number from ${pollRangeMs.from} to ${pollRangeMs.to}`,
      pollMs,
    )
  if (members.place !== undefined && (typeof members.place !== 'string' || members.place === ''))
    throw invalidOption('place must be the place of a log that was opened before', members.place)
  if (members.seen !== undefined && !isSeen(members.seen))
    throw invalidOption('seen must be what a log that was opened before has seen', members.seen)
  requireFunction('onSeen', members.onSeen)
  requireFunction('onHandlerError', members.onHandlerError)
  requireFunction('onWarning', members.onWarning)
  return {
    // An absolute path, because a process may change its working directory.
    directory: resolve(requirePath('directory', members.directory, 'a directory')),
    durability,
    clock,
    pollMs,
  }
}

/** Options of the functions that maintain a data file. */
interface UpkeepOptions {
  readonly isCompact?: unknown
  readonly mayReplace?: unknown
  readonly onProgress?: unknown
  readonly clock?: unknown
}

/**
 * Checks the options of a function that maintains a data file; `paths` names the options that must
 * be paths.
 * @throws LogError `OPTION_INVALID`
 */
export function checkUpkeep<Path extends string>(
  options: UpkeepOptions & Partial<Readonly<Record<Path, unknown>>>,
  what: string,
  paths: readonly Path[],
): void {
  const switches = ['isCompact', 'mayReplace'] as const
  const members: Readonly<Record<string, unknown>> = readMembers(
    options,
    [...paths, ...switches, 'onProgress', 'clock'],
    { code: 'OPTION_INVALID', what: `The options of ${what}` },
  )
  for (const name of paths) requirePath(name, members[name])
  for (const name of switches) {
    const value = members[name]
    if (value !== undefined && typeof value !== 'boolean')
      throw invalidOption(`${name} must be true or false`, value)
  }
  requireFunction('onProgress', members['onProgress'])
  const { clock } = members
  if (clock !== undefined) requireClock(clock)
}

/**
 * @param what a path of this name leads to
 * @throws LogError `OPTION_INVALID`
 */
export function requirePath(
  name: string,
  value: unknown,
  what: string = 'a file or a directory',
): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
  throw invalidOption(`${name} must name ${what}, such as ./tidemark-data`, value)
}

/**
 * Reads a clock. Whole milliseconds since 1970.
 * @throws LogError `OPTION_INVALID` when that is no time a record can have
 */
export function requireTime(clock: Clock): number {
  const now = Math.floor(clock.now())
  if (Number.isSafeInteger(now) && now >= 0) return now
  throw invalidOption('clock must tell the milliseconds since 1970', now)
}

function isSeen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { epoch, transaction } = value as Partial<Record<keyof SeenCommit, unknown>>
  return typeof epoch === 'string' && Number.isSafeInteger(transaction)
}

function isPoll(value: unknown): value is number {
  return typeof value === 'number' && value >= pollRangeMs.from && value <= pollRangeMs.to
}
