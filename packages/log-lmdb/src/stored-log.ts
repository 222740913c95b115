// What the newest state of a data file says of its log, read without LMDB: also while somebody writes or copies over it, when a page of
// LMDB's map may be gone and a look at it end the process.

import { join } from 'node:path'
import { candidatesOf, readMeta } from './check-open.ts'
import { DamageSeen } from './damage.ts'
import { DataFile } from './data-file.ts'
import type { FileStates } from './data-file.ts'
import { dataFile } from './file-names.ts'
import { parseHolders } from './holding.ts'
import type { Holder } from './holders.ts'
import { identityKey, parseIdentity } from './identity.ts'
import type { Identity } from './identity.ts'
import { busyLooksMax } from './limits.ts'

export interface StoredLog {
  readonly states: FileStates
  /** Undefined when there is none, or none that can be read. */
  readonly identity: Identity | undefined
  readonly holders: readonly Holder[]
}

/** Undefined when it cannot be read, ~1 ms. */
export function readStoredLog(directory: string): StoredLog | undefined {
  let file: DataFile | undefined
  try {
    file = new DataFile(join(directory, dataFile))
    return readSettled(file, directory)
  } catch {
    // Damaged, being copied over, or gone.
    return undefined
  } finally {
    file?.close()
  }
}

/** A page that is written while it is read may look like anything; then once more. */
function readSettled(file: DataFile, directory: string): StoredLog | undefined {
  for (let looks = 0; looks < busyLooksMax; looks++) {
    file.forget()
    try {
      const states = file.readStates()
      const entries = readMeta(file, candidatesOf(states)[0]) ?? new Map<string, Buffer>()
      if (file.readStates().newest.transaction !== states.newest.transaction) continue
      return {
        states,
        identity: readIdentity(entries.get(identityKey.toString()), directory),
        holders: parseHolders(entries),
      }
    } catch (error) {
      if (!(error instanceof DamageSeen)) throw error
    }
  }
  return undefined
}

function readIdentity(bytes: Buffer | undefined, directory: string): Identity | undefined {
  try {
    return bytes && parseIdentity(bytes, directory)
  } catch {
    return undefined
  }
}
