// What the directory says of itself: the version of its layout, the epochs of its history.

import { crc32 } from 'node:zlib'
import { LogError } from '@tidemark/log'
import { Lineage, parseEpoch } from '@tidemark/log/driver'
import { toForeign } from './failures.ts'
import { formatVersion, textKey } from './schema.ts'
import type { Table } from './schema.ts'

export interface Identity {
  readonly lineage: Lineage
  /** How often an epoch was begun here. */
  readonly openings: number
}

export const identityKey: Buffer = textKey('identity')
const formatName = 'tidemark-log'

interface StoredIdentity {
  readonly format: string
  readonly version: number
  /** Oldest first. */
  readonly epochs: readonly string[]
  /** See `Lineage.unsureTo`. */
  readonly unsureTo: number
  readonly openings: number
  /** Of all before, as JSON. A wrong epoch would make cursors exact that are not. */
  readonly sum?: number
}

/**
 * Undefined when nothing has been written yet, or by a version that kept no lineage.
 * @throws LogError `LOG_FORMAT_NEWER`, `LOG_FORMAT_FOREIGN`
 */
export function readIdentity(meta: Table, directory: string): Identity | undefined {
  const bytes = meta.getBinary(identityKey)
  return bytes && parseIdentity(bytes, directory)
}

/** As {@link readIdentity}, of what is stored. */
export function parseIdentity(bytes: Buffer, directory: string): Identity | undefined {
  const stored = parseStored(bytes.toString(), directory)
  if (stored.version > formatVersion) {
    throw new LogError(
      'LOG_FORMAT_NEWER',
      `The log in ${JSON.stringify(directory)} has format ${stored.version}; this version reads up to ${formatVersion}. Run the newer version, or name another directory.`,
    )
  }
  // Format 1 named one epoch for the whole history: nothing tells which of its cursors are exact.
  if (stored.version < 2) return undefined
  const epochs = stored.epochs.map((epoch) => parseEpoch(epoch))
  return { lineage: new Lineage(epochs, stored.unsureTo), openings: stored.openings }
}

export function writeIdentity(meta: Table, { lineage, openings }: Identity): void {
  const { epochs, unsureTo } = lineage
  const identity = { format: formatName, version: formatVersion, epochs, unsureTo, openings }
  const stored: StoredIdentity = { ...identity, sum: crc32(JSON.stringify(identity)) }
  void meta.put(identityKey, Buffer.from(JSON.stringify(stored)))
}

/** Whether a stored identity is as it was written, as far as it can tell. */
export function isIdentitySound({ sum, ...identity }: Readonly<Record<string, unknown>>): boolean {
  return sum === undefined || sum === crc32(JSON.stringify(identity))
}

function parseStored(text: string, directory: string): StoredIdentity {
  try {
    const stored = JSON.parse(text) as StoredIdentity
    if (stored.format === formatName && Number.isSafeInteger(stored.version)) return stored
  } catch (cause) {
    throw toForeign(directory, 'its identity cannot be read', cause)
  }
  throw toForeign(directory, 'its identity is of another program')
}
