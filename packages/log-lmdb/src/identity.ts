// What the directory says of itself: the version of its layout, its epoch and the epochs before.

import { LogError } from '@tidemark/log'
import { parseEpoch } from '@tidemark/log/driver'
import type { Epoch } from '@tidemark/log/driver'
import { toForeign } from './failures.ts'
import { formerEpochsMax } from './limits.ts'
import { formatVersion, textKey } from './schema.ts'
import type { Table } from './schema.ts'

/** A history this one goes on from: up to `until` their records are the same. */
export interface FormerEpoch {
  readonly epoch: Epoch
  readonly until: number
}

export interface Identity {
  readonly epoch: Epoch
  /** Newest first. */
  readonly former: readonly FormerEpoch[]
}

export const identityKey: Buffer = textKey('identity')
const formatName = 'tidemark-log'

interface StoredIdentity {
  readonly format: string
  readonly version: number
  readonly epoch: string
  readonly former: readonly { readonly epoch: string; readonly until: number }[]
}

/**
 * Undefined when nothing has been written yet.
 * @throws LogError `LOG_FORMAT_NEWER`, `LOG_FORMAT_FOREIGN`
 */
export function readIdentity(meta: Table, directory: string): Identity | undefined {
  const bytes = meta.getBinary(identityKey)
  if (bytes === undefined) return undefined
  const stored = parseStored(bytes.toString(), directory)
  if (stored.version > formatVersion) {
    throw new LogError(
      'LOG_FORMAT_NEWER',
      `The log in ${JSON.stringify(directory)} has format ${stored.version}; this version reads up to ${formatVersion}. Run the newer version, or name another directory.`,
    )
  }
  return {
    epoch: parseEpoch(stored.epoch),
    former: stored.former.map(({ epoch, until }) => ({ epoch: parseEpoch(epoch), until })),
  }
}

export function writeIdentity(meta: Table, { epoch, former }: Identity): void {
  const stored: StoredIdentity = { format: formatName, version: formatVersion, epoch, former }
  void meta.put(identityKey, Buffer.from(JSON.stringify(stored)))
}

/** The identity after a stop that may have taken records with it which had already been delivered. */
export function renewIdentity({ epoch, former }: Identity, next: Epoch, until: number): Identity {
  return { epoch: next, former: [{ epoch, until }, ...former].slice(0, formerEpochsMax) }
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
