// Registers a handle in the directory: checks the data, adopts or refuses settings, and leaves an
// entry.

import type { Clock } from '@tidemark/log'
import { Lineage } from '@tidemark/log/driver'
import { toHeldByOlder } from '../failures.ts'
import { isAlive, readHolders, writeHolder } from './holders.ts'
import type { HeldBy, Holder } from './holders.ts'
import { readIdentity, writeIdentity } from '../history/identity.ts'
import type { Identity } from '../history/identity.ts'
import { readState } from '../tables/log-state.ts'
import { formatVersion } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'
import type { Table } from '../tables/schema.ts'
import { readSettings, requireSameSettings, writeSettings } from './settings.ts'
import type { SettingTexts } from './settings.ts'

export interface Registration {
  readonly directory: string
  readonly settings: SettingTexts
  readonly own: Holder
  /** The data file; see `HeldFiles.copy`. */
  readonly copy: string
  /** Another program wrote the data into the file, such as `cp` over an existing file. */
  readonly isOverwritten: boolean
  readonly key: Buffer
  readonly clock: Clock
  readonly randomBytes: (count: number) => Uint8Array
}

/** Refuses as early as possible; {@link register} decides. */
export function checkDirectory(
  meta: Table,
  { directory, settings, own }: Pick<Registration, 'directory' | 'settings' | 'own'>,
): void {
  readIdentity(meta, directory)
  refuseOtherSettings(meta, { directory, settings, own })
}

/**
 * Call it inside of a transaction. Then two processes with different settings cannot both get in,
 * and only one of them begins an epoch.
 */
export function register(tables: Tables, registration: Registration): Identity {
  const { meta } = tables
  const { directory, settings, own, key } = registration
  const stored = readIdentity(meta, directory)
  refuseOtherSettings(meta, registration)
  const { alive, dead } = partitionHolders(meta, own)
  const [other] = alive
  const isOlder = stored === undefined || stored.version < formatVersion
  if (isOlder && other !== undefined) throw toHeldByOlder(directory, other.pid)
  const identity =
    stored === undefined || other === undefined
      ? beginEpoch(tables, { stored, dead, ...registration })
      : stored
  for (const holder of dead) void meta.remove(holder.key)
  writeSettings(meta, settings)
  writeHolder(meta, key, own)
  return identity
}

function refuseOtherSettings(
  meta: Table,
  { directory, settings, own }: Pick<Registration, 'directory' | 'settings' | 'own'>,
): void {
  const held = readSettings(meta)
  if (held === undefined) return
  for (const holder of readHolders(meta)) {
    if (isAlive(holder, own)) requireSameSettings(settings, held, { directory, pid: holder.pid })
  }
}

interface Beginning extends Registration {
  readonly stored: Identity | undefined
  readonly dead: readonly HeldBy[]
}

/**
 * Begins an epoch, because nobody else holds the directory. The data may be a backup, a copy, or
 * the original of one. So the writer from now on is another one than before, and gives its
 * positions another epoch.
 */
function beginEpoch(
  tables: Tables,
  { stored, dead, own, copy, isOverwritten, clock, randomBytes }: Beginning,
): Identity {
  const { meta } = tables
  const { head } = readState(tables)
  const opening = { head, now: clock.now(), randomBytes }
  // Under `commit`, records are delivered before they are flushed. If the machine stopped under a
  // holder, the newest records may be gone.
  const isUnsure =
    readSettings(meta)?.['durability'] === 'commit' &&
    dead.some(({ bootId }) => bootId !== own.bootId)
  const before = stored?.lineage ?? Lineage.found(opening)
  // Right after a file was made, its name is that of its place.
  const isSameFile = stored === undefined || [copy, own.data].includes(stored.copy)
  const isSameCopy = isSameFile && !isOverwritten
  const lineage = before.open({ ...opening, isSameCopy, isUnsure })
  const identity = { version: formatVersion, lineage, copy, openings: (stored?.openings ?? 0) + 1 }
  writeIdentity(meta, identity)
  return identity
}

function partitionHolders(
  meta: Table,
  own: Holder,
): { readonly alive: readonly HeldBy[]; readonly dead: readonly HeldBy[] } {
  const holders = readHolders(meta)
  const alive = holders.filter((holder) => isAlive(holder, own))
  return { alive, dead: holders.filter((holder) => !alive.includes(holder)) }
}
