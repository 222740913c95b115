// Opens a directory as a log: the only place where the parts of this room meet.

import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { defaultRetention } from '@tidemark/log'
import type { Clock, Retention } from '@tidemark/log'
import { validateRetention } from '@tidemark/log/driver'
import { AgeHold } from '../clocks/age-hold.ts'
import { adoptConfigured } from './adopt-configured.ts'
import { checkOptions } from './check-options.ts'
import { CurrentRules } from '../retention/current-rules.ts'
import { requireWhole } from '../lmdb-files/check-open.ts'
import type { Knowledge } from '../lmdb-files/check-open.ts'
import { describe, toForeign, toUnavailable } from '../failures.ts'
import { dataFile } from '../lmdb-files/file-names.ts'
import { HeldFiles, findPlaces, refuseOtherLock, requirePlace } from '../history/held-files.ts'
import { closeHolder, describeOwnProcess, isAlive, openHolder } from './holders.ts'
import type { Holder } from './holders.ts'
import type { Identity } from '../history/identity.ts'
import { LmdbLog } from '../lmdb-log.ts'
import type { LmdbEventLog } from '../lmdb-event-log.ts'
import type { NewestState } from '../lmdb-files/newest-state.ts'
import { openEnvironment, openTables, overlapsSync, transactNewest } from './open-environment.ts'
import type { Environment } from './open-environment.ts'
import { OwnHistory } from '../history/own-history.ts'
import type { Loss, OwnHistoryOptions } from '../history/own-history.ts'
import { prepareDirectory } from './prepare-directory.ts'
import { checkDirectory, register } from './register.ts'
import { findOverwrite, toOverwritten } from '../history/overwritten-data.ts'
import type { SeenCommit } from '../history/overwritten-data.ts'
import type { Registration } from './register.ts'
import { nameTable } from '../tables/schema.ts'
import type { Table, Tables } from '../tables/schema.ts'
import { breakSeal, compareSeal, sealDirectory } from '../lmdb-files/seal.ts'
import { describeSettings, printConfigured, readConfigured, readSettings } from './settings.ts'
import type { Durability, SettingTexts } from './settings.ts'
import { readStoredLog } from '../lmdb-files/stored-log.ts'
import type { StoredLog } from '../lmdb-files/stored-log.ts'
import type { WakeFile } from '../tail/wake-file.ts'
import { WriteView } from '../append/write-view.ts'
import { Writer } from '../append/writer.ts'

export interface LmdbLogOptions {
  /**
   * The directory of the data; created if missing. It must be on a file system of this machine, not
   * a network share.
   */
  readonly directory: string
  /**
   * The failure that a resolved append survives; tails hand over only such records. `fsync`: power
   * loss. `commit`: the death of the process; after a stop of the machine the log begins a new
   * epoch. Default `fsync`.
   */
  readonly durability?: Durability | undefined
  /**
   * The records that a new log keeps, or one that was opened with other retention before. Changes at
   * run time hold until a process opens the log with other retention than the last one. See "Rules"
   * in the README. Default: as the log was opened with before; a new one 24 hours and 1 GiB, no
   * rules.
   */
  readonly retention?: Partial<Retention> | undefined
  /**
   * The `place` of a log that was opened before. The directory must hold the same data file, and is
   * not made if it is missing. The log then follows the retention that is in force, whatever
   * `retention` says. Default: any directory will do.
   */
  readonly place?: string | undefined
  /**
   * The newest commit that other handles of the same service have `seen`. Older data is a copy that
   * somebody put over theirs. Such data is refused while a process holds it; else it is checked,
   * and begins a new epoch. Default: the directory's own word is believed.
   */
  readonly seen?: SeenCommit | undefined
  /** Called with each commit of this handle, before its tails are. Default: none. */
  readonly onSeen?: ((seen: SeenCommit) => void) | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /**
   * Milliseconds between two checks for records of other processes, should a wake-up be missed. 1
   * to 60,000; default 50.
   */
  readonly pollMs?: number | undefined
  /**
   * Called with an error that the handler of a tail threw; the tail goes on. Default: a process
   * warning.
   */
  readonly onHandlerError?: ((error: unknown) => void) | undefined
  /**
   * Called with trouble that answers no call, such as a sweep that failed. Default: a process
   * warning.
   */
  readonly onWarning?: ((text: string) => void) | undefined
}

/**
 * Opens a durable log in a directory. Several processes of one machine may hold the same directory;
 * each sees what the others append.
 *
 * @throws LogError `LOG_NOT_WRITABLE`, `LOG_FORMAT_FOREIGN`, `LOG_FORMAT_NEWER`, `LOG_DAMAGED`,
 *   `LOG_SETTINGS_DIFFER`, `RETENTION_INVALID`, `OPTION_INVALID`, `LOG_DIRECTORY_LOST`,
 *   `LOG_UNAVAILABLE`
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
  const wasOverwritten = await lookForCopy(directory, { seen, clock, self })
  if (wasOverwritten) onWarning(describeOverwrite(directory))
  const isServed = place !== undefined && !wasOverwritten
  // A worker that replaces a dead one is no operator's restart, and puts nothing in force.
  const configured = isServed || options.retention === undefined ? undefined : retention
  const wake = prepareDirectory(directory)
  const found = findPlaces(directory)
  // Before LMDB opens the file, because LMDB may write to it.
  const isSealForeign = compareSeal(directory) === 'other'
  const key = openHolder(self.pid, randomBytes(8).toString('hex'))
  let environment: Environment | undefined
  let writer: Writer | undefined
  try {
    await lookThrough(directory, settings, { own: { ...self, ...found }, isServed })
    environment = await openEnvironment(directory, overlapsSync(durability))
    const { newest } = environment
    const opened = await openTables(environment)
    const held = new HeldFiles({ directory, newest, onChange: onWarning })
    // The open file must be the one that was checked.
    const expected = place ?? found.data
    if (expected !== undefined) requirePlace(directory, expected, held.places)
    const own = { ...self, ...held.places }
    const data = { directory, copy: held.copy, isOverwritten: wasOverwritten || isSealForeign }
    const registration = { ...data, settings, own, key, clock, randomBytes }
    writer = new Writer({ tables: opened, held, clock, onStuck: onWarning })
    const entering = { wake, seen, configured, onWarning }
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
    readonly wake: WakeFile
    readonly onWarning: (text: string) => void
  },
): OwnHistory {
  const { directory, identity, wake, onWarning } = own
  const onLost = ({ text }: Loss): void => {
    // At once, because a worker may be about to replace one that died of the copying.
    if (newest.isOlder) wake.noteLoss(identity.lineage, newest.highestId)
    onWarning(text)
  }
  // This process has also seen the transaction in which it entered.
  newest.check()
  const readStored = (): StoredLog | undefined => readStoredLog(directory)
  return new OwnHistory({ meta, newest, directory, identity, readStored, onLost })
}

/** See `findOverwrite`. Without `seen` nothing can be compared. */
async function lookForCopy(
  directory: string,
  known: { readonly seen: SeenCommit | undefined; readonly clock: Clock; readonly self: Holder },
): Promise<boolean> {
  const { seen, clock, self } = known
  if (seen === undefined) return false
  return await findOverwrite({ directory, seen, clock, own: { ...self, ...findPlaces(directory) } })
}

/** Checks that the data can be opened. */
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
  readonly wake: WakeFile
  readonly seen: SeenCommit | undefined
  /** Undefined: as others have configured it. */
  readonly configured: Retention | undefined
  readonly onWarning: (text: string) => void
}

interface Entered {
  readonly identity: Identity
  readonly rules: CurrentRules
  readonly hold: AgeHold
  /** The configuration was put in force. */
  readonly isAdopted: boolean
}

/** As {@link enter}. In the same transaction the configuration of this process may be put in force. */
function enterWithRules(
  tables: Tables,
  registration: Registration,
  { wake, seen, configured, onWarning }: Entering,
): Entered {
  const { clock } = registration
  const before = readSettings(tables.meta)
  const isKept = configured === undefined && before !== undefined
  const settings = isKept
    ? { ...registration.settings, retention: printConfigured(before) }
    : registration.settings
  const identity = enter(tables, { ...registration, settings }, { wake, seen })
  const { lineage } = identity
  const known = configured ?? readConfigured(before) ?? defaultRetention
  const rules = new CurrentRules({ configured: known, lineage, onWarning })
  const hold = new AgeHold({ clock, onWarning })
  const view = new WriteView({ tables, rules, clock, hold })
  const isAdopted = adoptConfigured({ tables, view, rules, configured, before })
  return { identity, rules, hold, isAdopted }
}

/** Makes this process a holder of the directory, in its first write transaction. */
function enter(
  tables: Tables,
  registration: Registration,
  { wake, seen }: { readonly wake: WakeFile; readonly seen: SeenCommit | undefined },
): Identity {
  const { directory, own } = registration
  refuseOtherLock(tables.meta, directory, own)
  // Not earlier: a process that opens the directory meanwhile would check all of the data.
  breakSeal(directory)
  const identity = register(tables, registration)
  const { lineage } = identity
  const isOfIt = seen !== undefined && seen.epoch === lineage.epochs.at(-1)
  const known = Math.max(wake.readNewest(lineage), isOfIt ? seen.transaction : 0)
  refuseOlder(tables.newest, directory, known)
  return identity
}

/** The warning for an operator whose two hubs may be configured differently. */
function describeAdopted(directory: string): string {
  return `The configured retention is another than was configured before for the log in ${JSON.stringify(directory)}. It is in force from now on, for every process of that log, also in place of what was changed at run time.`
}

/** The warning for an operator who restored a copy without stopping the hub. */
function describeOverwrite(directory: string): string {
  return `An older copy, or another log, was put over the log in ${JSON.stringify(directory)} while this hub held it. No process holds it any more: it is looked through and begins a new epoch, and clients are told of a gap where events are gone. Stop the hub before a restore.`
}

/**
 * Opens the data once with lmdb's overlapping sync on. Only then does lmdb look for the last
 * flushed state after a stop of the machine under `commit`. Opened for `fsync`, lmdb would use
 * pages that never reached the disk.
 *
 * This is done only if needed, because closing has a race. The last process to close LMDB destroys
 * its mutexes, also for a process that is about to open the directory. The workers of a starting
 * hub are such processes.
 */
async function recover(directory: string, settings: SettingTexts, own: Holder): Promise<void> {
  if (!mayNeedRecovery(directory, settings)) return
  const environment = await openEnvironment(directory, undefined)
  const { root, newest } = environment
  try {
    const meta = await transactNewest(environment, () => openMeta(root, directory))
    if (meta === undefined) return
    refuseOtherLock(meta, directory, own)
    checkDirectory(meta, { directory, settings, own })
  } finally {
    await root.close()
    newest.close()
  }
}

/**
 * Whether the first open has anything to find: a state that LMDB goes back to, or a reason not to
 * open the directory.
 */
function mayNeedRecovery(directory: string, settings: SettingTexts): boolean {
  const stored = readStoredLog(directory)
  if (stored === undefined || stored.mayGoBack || stored.kind === 'other') return true
  return stored.settings !== undefined && stored.settings['durability'] !== settings['durability']
}

/** Undefined when nothing has been written yet. Call it inside of a transaction. */
function openMeta(root: Environment['root'], directory: string): Table | undefined {
  const names = [...root.getKeys({})].map((name) =>
    Buffer.from(name).toString().replaceAll('\0', ''),
  )
  if (names.length === 0) return undefined
  if (!names.includes('meta')) throw toForeign(directory, `its ${dataFile} is of another program`)
  return nameTable(root, 'meta')
}

/**
 * Checks that the data is as new as its holders left it. A copy of a directory in use contains the
 * entries of its holders. Without this check, a process that opens such a copy would continue their
 * epoch.
 * @throws LogError `LOG_DIRECTORY_LOST`
 */
function refuseOlder(newest: NewestState, directory: string, known: number): void {
  newest.note(known)
  newest.check()
  if (newest.isOlder) throw toOverwritten(directory)
}
