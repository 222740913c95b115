// The identity of a log: the version of its layout, and the epochs of its history.

import { crc32 } from 'node:zlib'
import { LogError } from '@tidemark/log'
import { Lineage, isEpoch, parseEpoch } from '@tidemark/log/driver'
import { toDamaged, toForeign } from '../failures.ts'
import { formatVersion, lineageVersion, textKey } from '../tables/schema.ts'
import type { Table } from '../tables/schema.ts'

export interface Identity {
  /** Of the layout, as it is stored. */
  readonly version: number
  readonly lineage: Lineage
  /** The data file in which the newest epoch began; see `HeldFiles.copy`. */
  readonly copy: string
  /** How often an epoch was begun here. */
  readonly openings: number
}

export const identityKey: Buffer = textKey('identity')
const formatName = 'tidemark-log'

interface StoredIdentity {
  readonly format: string
  readonly version: number
  /** `Lineage.stretches`. */
  readonly epochs: readonly (readonly [epoch: string, begin: number])[]
  /** `Lineage.renamings`. */
  readonly renamings: readonly (readonly [epoch: string, to: number])[]
  readonly copy: string
  readonly openings: number
  /** Checksum of all before, as JSON. A wrong epoch would make cursors exact that are not. */
  readonly sum?: number
}

/**
 * Undefined when nothing has been written yet, or by a version that kept no lineage.
 * @throws LogError `LOG_FORMAT_NEWER`, `LOG_FORMAT_FOREIGN`, `LOG_DAMAGED`
 */
export function readIdentity(meta: Table, directory: string): Identity | undefined {
  const bytes = meta.getBinary(identityKey)
  return bytes && parseIdentity(bytes, directory)
}

/** Like {@link readIdentity}, from stored bytes. */
export function parseIdentity(bytes: Buffer, directory: string): Identity | undefined {
  const stored = parseStored(bytes.toString(), directory)
  if (stored.version > formatVersion) {
    throw new LogError(
      'LOG_FORMAT_NEWER',
      `The log in ${JSON.stringify(directory)} has format ${stored.version}; this version reads up to ${formatVersion}. Run the newer version, or name another directory.`,
    )
  }
  // A sealed file is opened without a full check, so the checksum is compared here.
  if (!isIdentitySound({ ...stored })) {
    throw toDamaged(directory, 'the identity of the log is not as it was written')
  }
  // Format 1 named one epoch for the whole history, and format 2 epochs of another shape. Their
  // cursors are of another history.
  if (stored.version < lineageVersion) return undefined
  const stretches = stored.epochs.map(([epoch, begin]) => ({ epoch: parseEpoch(epoch), begin }))
  const renamings = stored.renamings.map(([epoch, to]) => ({ epoch: parseEpoch(epoch), to }))
  const { version, copy, openings } = stored
  return { version, lineage: new Lineage(stretches, renamings), copy, openings }
}

export function writeIdentity(meta: Table, { version, lineage, copy, openings }: Identity): void {
  const epochs = lineage.stretches.map(({ epoch, begin }) => [epoch, begin] as const)
  const renamings = lineage.renamings.map(({ epoch, to }) => [epoch, to] as const)
  const identity = { format: formatName, version, epochs, renamings, copy, openings }
  const stored: StoredIdentity = { ...identity, sum: crc32(JSON.stringify(identity)) }
  void meta.put(identityKey, Buffer.from(JSON.stringify(stored)))
}

/** Whether a stored identity is as it was written, as far as its bytes can tell. */
export function isIdentitySound({ sum, ...identity }: Readonly<Record<string, unknown>>): boolean {
  if (sum !== undefined && sum !== crc32(JSON.stringify(identity))) return false
  const { version, epochs, renamings, copy, openings } = identity
  if (!isCount(version)) return false
  // The epochs of formats before are not used any more.
  if (version < lineageVersion) return true
  return (
    isLine(epochs) &&
    epochs[0]?.[1] === 0 &&
    isLine(renamings) &&
    typeof copy === 'string' &&
    isCount(openings)
  )
}

/** Whether a list holds epochs, each with a sequence that is not before the previous one. */
function isLine(list: unknown): list is readonly (readonly [epoch: string, sequence: number])[] {
  if (!Array.isArray(list)) return false
  let reached = 0
  return list.every((each: unknown) => {
    if (!Array.isArray(each)) return false
    const [epoch, sequence] = each as readonly unknown[]
    if (!isEpoch(epoch) || !isCount(sequence) || sequence < reached) return false
    reached = sequence
    return true
  })
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function parseStored(text: string, directory: string): StoredIdentity {
  try {
    const stored = JSON.parse(text) as StoredIdentity
    if (stored.format === formatName) return stored
  } catch (cause) {
    throw toForeign(directory, 'its identity cannot be read', cause)
  }
  throw toForeign(directory, 'its identity is of another program')
}
