// Reads the newest state of a data file without LMDB, also while a process writes the file or
// copies over it. LMDB's map may have no page there then, and a look at it would end the process.

import { join } from 'node:path'
import { candidatesOf, readMeta } from './check-open.ts'
import { DamageSeen } from './damage.ts'
import { DataFile } from './data-file.ts'
import type { FileStates } from './data-file.ts'
import { dataFile } from './file-names.ts'
import { parseHolders } from './stored-holders.ts'
import type { Holder } from '../open/holders.ts'
import { identityKey, parseIdentity } from '../history/identity.ts'
import type { Identity } from '../history/identity.ts'
import { busyLooksMax } from '../limits.ts'
import { parseSettings, settingsKey } from '../open/settings.ts'
import type { SettingTexts } from '../open/settings.ts'

export interface StoredLog {
  readonly states: FileStates
  /** Whether LMDB may go on from another state than the newest one. */
  readonly mayGoBack: boolean
  /** `new`: nothing has been written yet. `other`: something without a table `meta`. */
  readonly kind: 'log' | 'new' | 'other'
  /** Undefined when there are none, or none that can be read. */
  readonly settings: SettingTexts | undefined
  /** Undefined when there is none, or none that can be read. */
  readonly identity: Identity | undefined
  readonly holders: readonly Holder[]
}

/** Undefined when the file cannot be read. Takes ~1 ms. */
export function readStoredLog(directory: string): StoredLog | undefined {
  let file: DataFile | undefined
  try {
    file = new DataFile(join(directory, dataFile))
    return readSettled(file, directory)
  } catch {
    // The file is damaged, or being overwritten, or gone.
    return undefined
  } finally {
    file?.close()
  }
}

/** Reads again if a page looks damaged: it may have been read while it was written. */
function readSettled(file: DataFile, directory: string): StoredLog | undefined {
  for (let looks = 0; looks < busyLooksMax; looks++) {
    file.forget()
    try {
      const states = file.readStates()
      const [state, ...others] = candidatesOf(states)
      const found = readMeta(file, state)
      if (file.readStates().newest.transaction !== states.newest.transaction) continue
      const isNew = found === undefined && state.main.root === undefined
      const entries = found ?? new Map<string, Buffer>()
      return {
        states,
        mayGoBack: state !== states.newest || others.length > 0,
        kind: found !== undefined ? 'log' : isNew ? 'new' : 'other',
        identity: readOrNothing(entries.get(identityKey.toString()), (bytes) =>
          parseIdentity(bytes, directory),
        ),
        settings: readOrNothing(entries.get(settingsKey.toString()), parseSettings),
        holders: parseHolders(entries),
      }
    } catch (error) {
      if (!(error instanceof DamageSeen)) throw error
    }
  }
  return undefined
}

function readOrNothing<T>(
  bytes: Buffer | undefined,
  parse: (bytes: Buffer) => T | undefined,
): T | undefined {
  try {
    return bytes && parse(bytes)
  } catch {
    return undefined
  }
}
