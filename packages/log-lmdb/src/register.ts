// A handle enters the directory: checks what it finds, adopts or refuses settings, and leaves its entry.

import type { Clock } from '@tidemark/log'
import { Lineage } from '@tidemark/log/driver'
import { toHeldByOlder } from './failures.ts'
import { isAlive, readHolders, writeHolder } from './holders.ts'
import type { HeldBy, Holder } from './holders.ts'
import { readIdentity, writeIdentity } from './identity.ts'
import type { Identity } from './identity.ts'
import { readState } from './log-state.ts'
import { formatVersion } from './schema.ts'
import type { Tables } from './schema.ts'
import type { Table } from './schema.ts'
import { readSettings, requireSameSettings, writeSettings } from './settings.ts'
import type { SettingTexts } from './settings.ts'

export interface Registration {
  readonly directory: string
  readonly settings: SettingTexts
  readonly own: Holder
  /** The data file; see `HeldFiles.copy`. */
  readonly copy: string
  /** The data was written into the file by another program, as by `cp` over what was there. */
  readonly isPutBack: boolean
  readonly key: Buffer
  readonly clock: Clock
  readonly randomBytes: (count: number) => Uint8Array
}

/** Says no as early as possible; {@link register} decides. */
export function checkDirectory(
  meta: Table,
  { directory, settings, own }: Pick<Registration, 'directory' | 'settings' | 'own'>,
): void {
  readIdentity(meta, directory)
  refuseOtherSettings(meta, { directory, settings, own })
}

/**
 * To be called inside of a transaction, so that two processes with different settings cannot both get in, and only one
 * of them begins an epoch.
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
 * Nobody else holds the directory, so it may be a backup, a copy, or what such a copy was taken of: whoever writes here
 * from now on is another writer than the one before, and gives its positions another epoch.
 */
function beginEpoch(
  tables: Tables,
  { stored, dead, own, copy, isPutBack, clock, randomBytes }: Beginning,
): Identity {
  const { meta } = tables
  const { head } = readState(tables)
  const opening = { head, now: clock.now(), randomBytes }
  // Under `commit` records are delivered before they are flushed: when the machine stopped under a holder, the
  // newest ones may be gone.
  const isUnsure =
    readSettings(meta)?.['durability'] === 'commit' &&
    dead.some(({ bootId }) => bootId !== own.bootId)
  const before = stored?.lineage ?? Lineage.found(opening)
  // Right after a file was made its name is that of its place.
  const isSameFile = stored === undefined || [copy, own.data].includes(stored.copy)
  const isSameCopy = isSameFile && !isPutBack
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
