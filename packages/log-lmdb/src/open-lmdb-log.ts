// Opens a directory as a log; the only place where the parts of this room meet.

import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock, Retention } from '@tidemark/log'
import { validateRetention } from '@tidemark/log/driver'
import { AgeHold } from './age-hold.ts'
import { adoptConfigured } from './adopt-configured.ts'
import { checkOptions } from './check-options.ts'
import { requireWhole } from './check-open.ts'
import type { Knowledge } from './check-open.ts'
import { CurrentRules } from './current-rules.ts'
import { describe, toForeign, toUnavailable } from './failures.ts'
import { dataFile } from './file-names.ts'
import { HeldFiles, findPlaces, refuseOtherLock, requirePlace } from './held-files.ts'
import { closeHolder, describeOwnProcess, isAlive, openHolder } from './holders.ts'
import type { Holder } from './holders.ts'
import type { Identity } from './identity.ts'
import { LmdbLog } from './lmdb-log.ts'
import type { LmdbEventLog } from './lmdb-log.ts'
import type { NewestState } from './newest-state.ts'
import { openEnvironment, openTables, overlapsSync, transactNewest } from './open-environment.ts'
import type { Environment } from './open-environment.ts'
import { OwnHistory } from './own-history.ts'
import type { Loss, OwnHistoryOptions } from './own-history.ts'
import { prepareDirectory } from './prepare-directory.ts'
import { checkDirectory, register } from './register.ts'
import { findPutBack, toPutOver } from './put-back.ts'
import type { Seen } from './put-back.ts'
import type { Registration } from './register.ts'
import { nameTable } from './schema.ts'
import type { Table, Tables } from './schema.ts'
import { breakSeal, compareSeal, sealDirectory } from './seal.ts'
import { describeSettings, readSettings } from './settings.ts'
import type { Durability, SettingTexts } from './settings.ts'
import { readStoredLog } from './stored-log.ts'
import type { StoredLog } from './stored-log.ts'
import type { Wake } from './wake.ts'
import { WriteView } from './write-view.ts'
import { Writer } from './writer.ts'

export interface LmdbLogOptions {
  /** Where the data lives; created if missing. One file system of this machine, not a network share. */
  readonly directory: string
  /**
   * What an append that has resolved survives, and what tails wait for. `fsync`: power loss. `commit`: the death of
   * the process; after a stop of the machine the log begins a new epoch. Default `fsync`.
   */
  readonly durability?: Durability | undefined
  /**
   * What a new log keeps, and one that was opened with something else before; what has been changed at run time since it was last opened
   * with this holds on. See "Rules" in the README. Default: 24 hours and 1 GiB, no rules.
   */
  readonly retention?: Partial<Retention> | undefined
  /**
   * The `place` of a log that was opened before: the directory must hold the same data file, and is not made when it is missing.
   * Default: any directory will do.
   */
  readonly place?: string | undefined
  /**
   * What other handles of the same service have `seen` last. Data that is older is a copy that somebody put over theirs: refused while a
   * process holds it, else looked through and gone on from in a new epoch. Default: what the directory itself says is believed.
   */
  readonly seen?: Seen | undefined
  /** Told what this handle has just committed, before the tails are. Default: nobody is. */
  readonly onSeen?: ((seen: Seen) => void) | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Milliseconds between two looks at what other processes appended, should a wake-up be missed; 1 to 60,000. Default 50. */
  readonly pollMs?: number | undefined
  /** Told what the handler of a tail threw; the tail goes on. Default: a process warning. */
  readonly onHandlerError?: ((error: unknown) => void) | undefined
  /** Told of trouble that answers no call, such as a sweep that failed. Default: a process warning. */
  readonly onWarning?: ((text: string) => void) | undefined
}

/**
 * Opens a durable log in a directory. Several processes of one machine may hold the same directory; each sees what
 * the others append.
 *
 * @throws LogError `LOG_NOT_WRITABLE`, `LOG_FORMAT_FOREIGN`, `LOG_FORMAT_NEWER`, `LOG_DAMAGED`,
 * `LOG_SETTINGS_DIFFER`, `RETENTION_INVALID`, `OPTION_INVALID`, `LOG_DIRECTORY_LOST`, `LOG_UNAVAILABLE`
 * @example
 * const log = await openLmdbLog({ directory: './tidemark-data' })
 * await log.append({ events: [{ topic: parseTopic('orders/42'), data: '{"total":12}' }] })
 * await log.close()
 */
export async function openLmdbLog(options: LmdbLogOptions): Promise<LmdbEventLog> {
  const { directory, durability, clock, pollMs } = checkOptions(options)
  const retention = validateRetention(options.retention)
  const settings = describeSettings({ durability, retention })
  const { place, seen } = options
  if (place !== undefined) requirePlace(directory, place, findPlaces(directory))
  const onWarning = options.onWarning ?? ((text: string) => process.emitWarning(text))
  const self = describeOwnProcess(clock)
  const isPutBack = await lookForCopy(directory, { seen, clock, self })
  if (isPutBack) onWarning(describePutBack(directory))
  const wake = prepareDirectory(directory)
  const found = findPlaces(directory)
  // Before LMDB opens the file, which may write to it.
  const isOverwritten = compareSeal(directory) === 'other'
  const key = openHolder(self.pid, randomBytes(8).toString('hex'))
  let environment: Environment | undefined
  let writer: Writer | undefined
  try {
    const isServed = place !== undefined && !isPutBack
    await lookThrough(directory, settings, { own: { ...self, ...found }, isServed })
    environment = openEnvironment(directory, overlapsSync(durability))
    const { newest } = environment
    const opened = openTables(environment)
    const held = new HeldFiles({ directory, newest, onChange: onWarning })
    // What is open is what was looked at before.
    const expected = place ?? found.data
    if (expected !== undefined) requirePlace(directory, expected, held.places)
    const own = { ...self, ...held.places }
    const data = { directory, copy: held.copy, isPutBack: isPutBack || isOverwritten }
    const registration = { ...data, settings, own, key, clock, randomBytes }
    writer = new Writer({ tables: opened, held, clock, onStuck: onWarning })
    const entering = { wake, seen, configured: retention, onWarning }
    const { identity, rules, hold, isAdopted } = await writer.run(() =>
      enterWithRules(opened, registration, entering),
    )
    if (isAdopted) onWarning(describeAdopted(directory))
    const { lineage } = identity
    const history = beginHistory(opened, { directory, identity, wake, onWarning })
    writer.keepTo(history)
    // Under `commit` the entry must be on the disk before a record can be delivered.
    await opened.root.flushed
    return new LmdbLog({
      directory,
      context: { tables: opened, held, history, writer, lineage, clock, hold, rules },
      wake,
      onSeen: options.onSeen,
      holder: key,
      onClosed: (others) => {
        if (!others.some((holder) => isAlive(holder, own))) sealDirectory(directory)
      },
      pollMs,
      onWarning,
      onHandlerError:
        options.onHandlerError ??
        ((error) => onWarning(`The handler of a tail threw: ${describe(error)}`)),
    })
  } catch (error) {
    closeHolder(key)
    wake.close()
    if (writer?.isStuck !== true) {
      await environment?.root.close()
      environment?.newest.close()
    }
    throw await toUnavailable(error, `opening ${JSON.stringify(directory)}`)
  }
}

function beginHistory(
  { meta, newest }: Tables,
  own: Pick<OwnHistoryOptions, 'directory' | 'identity'> & {
    readonly wake: Wake
    readonly onWarning: (text: string) => void
  },
): OwnHistory {
  const { directory, identity, wake, onWarning } = own
  const onLost = ({ text }: Loss): void => {
    // At once: a worker in the place of one that died of the copying may be coming.
    if (newest.isOlder) wake.noteLoss(identity.lineage, newest.highestId)
    onWarning(text)
  }
  // The transaction in which this process entered is part of what it has seen.
  newest.look()
  const readStored = (): StoredLog | undefined => readStoredLog(directory)
  return new OwnHistory({ meta, newest, directory, identity, readStored, onLost })
}

/** See `findPutBack`; what nobody has seen is no copy. */
async function lookForCopy(
  directory: string,
  known: { readonly seen: Seen | undefined; readonly clock: Clock; readonly self: Holder },
): Promise<boolean> {
  const { seen, clock, self } = known
  if (seen === undefined) return false
  return await findPutBack({ directory, seen, clock, own: { ...self, ...findPlaces(directory) } })
}

/** Sees that what is there can be opened. */
async function lookThrough(
  directory: string,
  settings: SettingTexts,
  known: Knowledge,
): Promise<void> {
  if (!statSync(join(directory, dataFile), { throwIfNoEntry: false })?.size) return
  await requireWhole(directory, known)
  await recover(directory, settings, known.own)
}

interface Entering {
  readonly wake: Wake
  readonly seen: Seen | undefined
  readonly configured: Retention
  readonly onWarning: (text: string) => void
}

interface Entered {
  readonly identity: Identity
  readonly rules: CurrentRules
  readonly hold: AgeHold
  /** The configuration was put in force. */
  readonly isAdopted: boolean
}

/** In the first write transaction: as {@link enter}, and what is configured here may become what is in force. */
function enterWithRules(
  tables: Tables,
  registration: Registration,
  { wake, seen, configured, onWarning }: Entering,
): Entered {
  const { clock } = registration
  const before = readSettings(tables.meta)
  const identity = enter(tables, registration, { wake, seen })
  const rules = new CurrentRules({ configured, lineage: identity.lineage, onWarning })
  const hold = new AgeHold({ clock, onWarning })
  const view = new WriteView({ tables, rules, clock, hold })
  const isAdopted = adoptConfigured({ tables, view, configured, before })
  return { identity, rules, hold, isAdopted }
}

/** In the first write transaction: this process becomes a holder of the directory. */
function enter(
  tables: Tables,
  registration: Registration,
  { wake, seen }: { readonly wake: Wake; readonly seen: Seen | undefined },
): Identity {
  const { directory, own } = registration
  refuseOtherLock(tables.meta, directory, own)
  // Not before: a process that opens the directory meanwhile would look through all of it.
  breakSeal(directory)
  const identity = register(tables, registration)
  const { lineage } = identity
  const isOfIt = seen !== undefined && seen.epoch === lineage.epochs.at(-1)
  const known = Math.max(wake.readNewest(lineage), isOfIt ? seen.transaction : 0)
  refuseOlder(tables.newest, directory, known)
  return identity
}

/** What an operator should know whose two hubs may be configured differently. */
function describeAdopted(directory: string): string {
  return `The configured retention is another than was configured before for the log in ${JSON.stringify(directory)}. It is in force from now on, for every process of that log, also in place of what was changed at run time.`
}

/** What an operator should know who has not stopped the hub for it. */
function describePutBack(directory: string): string {
  return `An older copy, or another log, was put over the log in ${JSON.stringify(directory)} while this hub held it. No process holds it any more: it is looked through and begins a new epoch, and clients are told of a gap where events are gone. Stop the hub before a restore.`
}

/**
 * Opens the data once with lmdb's overlapping sync on. Only then does lmdb look for the last flushed state after a
 * stop of the machine under `commit`; opened for `fsync` it would take pages that never reached the disk.
 *
 * Only then, because closing has a race of its own: who closes LMDB as the last one destroys its mutexes, also for a process that waits
 * to open the directory in this moment, as the workers of a hub that starts do.
 */
async function recover(directory: string, settings: SettingTexts, own: Holder): Promise<void> {
  if (!mayNeedRecovery(directory, settings)) return
  const environment = openEnvironment(directory, undefined)
  const { root, newest } = environment
  try {
    const meta = transactNewest(environment, () => openMeta(root, directory))
    if (meta === undefined) return
    refuseOtherLock(meta, directory, own)
    checkDirectory(meta, { directory, settings, own })
  } finally {
    await root.close()
    newest.close()
  }
}

/** Whether there is anything that the first look would find out: what LMDB goes back to, or that the directory is not to be opened so. */
function mayNeedRecovery(directory: string, settings: SettingTexts): boolean {
  const stored = readStoredLog(directory)
  if (stored === undefined || stored.mayGoBack || stored.kind === 'other') return true
  return stored.settings !== undefined && stored.settings['durability'] !== settings['durability']
}

/** Undefined when nothing has been written yet. To be called inside of a transaction. */
function openMeta(root: Environment['root'], directory: string): Table | undefined {
  const names = [...root.getKeys({})].map((name) =>
    Buffer.from(name).toString().replaceAll('\0', ''),
  )
  if (names.length === 0) return undefined
  if (!names.includes('meta')) throw toForeign(directory, `its ${dataFile} is of another program`)
  return nameTable(root, 'meta')
}

/**
 * Sees that the data is as new as those who hold it have left it. The copy of a directory that is in use has their entries in it, so
 * that a process which comes when such a copy was put over the directory would go on in their epoch.
 * @throws LogError `LOG_DIRECTORY_LOST`
 */
function refuseOlder(newest: NewestState, directory: string, known: number): void {
  newest.note(known)
  newest.look()
  if (newest.isOlder) throw toPutOver(directory)
}
