// A handle enters the directory: checks what it finds, adopts or refuses settings, and leaves its entry.

import { makeEpoch } from '@tidemark/log/driver'
import { isAlive, readHolders, writeHolder } from './holders.ts'
import type { HeldBy, Holder } from './holders.ts'
import { readIdentity, renewIdentity, writeIdentity } from './identity.ts'
import type { Identity } from './identity.ts'
import { readState } from './log-state.ts'
import type { Tables } from './schema.ts'
import type { Table } from './schema.ts'
import { readSettings, requireSameSettings, writeSettings } from './settings.ts'
import type { SettingTexts } from './settings.ts'

export interface Registration {
  readonly directory: string
  readonly settings: SettingTexts
  readonly own: Holder
  readonly key: Buffer
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

/** To be called inside of a transaction, so that two processes with different settings cannot both get in. */
export function register(tables: Tables, registration: Registration): Identity {
  const { meta } = tables
  const { directory, settings, own, key, randomBytes } = registration
  const stored = readIdentity(meta, directory)
  const held = readSettings(meta)
  refuseOtherSettings(meta, registration)
  const dead = readHolders(meta).filter((holder) => !isAlive(holder, own))
  const identity = chooseIdentity(tables, { stored, held, dead, own, randomBytes })
  for (const holder of dead) void meta.remove(holder.key)
  writeIdentity(meta, identity)
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

function chooseIdentity(
  tables: Tables,
  found: {
    readonly stored: Identity | undefined
    readonly held: SettingTexts | undefined
    readonly dead: readonly HeldBy[]
    readonly own: Holder
    readonly randomBytes: (count: number) => Uint8Array
  },
): Identity {
  const { stored, held, dead, own, randomBytes } = found
  if (stored === undefined) return { epoch: makeEpoch(randomBytes(8)), former: [] }
  // Under `commit` records are delivered before they are flushed: when the machine stopped under a holder, the
  // newest ones may be gone while clients have cursors of them.
  const isUncertain =
    held?.['durability'] === 'commit' && dead.some(({ bootId }) => bootId !== own.bootId)
  if (!isUncertain) return stored
  return renewIdentity(stored, makeEpoch(randomBytes(8)), readState(tables).head)
}
