// A stop of the machine under `commit`: it loses states that were visible and never reached the
// disk.

import { closeSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SeededRandom } from '@tidemark/testkit'
import { startChild } from './children/start-child.ts'

const pageBytes = 4_096
const transactionAt = 152
const flagsAt = 52
const overlappingSync = 0x1000

/** Where the three states stand: of even transactions, what was flushed, of odd ones. */
const places = [0, pageBytes / 2, pageBytes]

/** The one after which a log must be served. */
export const soundLoss = 'power lost under commit'

export interface PowerLoss {
  /** The data file, with nothing of what came after the flush but the index. */
  readonly data: Buffer
  /** Transactions that were visible beyond the flushed one. */
  readonly behind: number
}

/**
 * Has processes publish under `commit` in `directory`, and stops their machine `behind`
 * transactions after a flush.
 */
export async function losePower(directory: string, behind: number): Promise<PowerLoss> {
  // One process waits for the flush of each transaction; two overtake each other.
  const writers = behind === 1 ? ['a'] : ['a', 'b']
  const children = writers.map((name) =>
    startChild('appender.ts', [directory, name, '0', '20', 'commit']),
  )
  try {
    for (const child of children)
      await child.line((line) => child.lines.length > 100 && line !== undefined)
    for (;;) {
      const loss = takeLoss(directory)
      if (loss?.behind === behind) return loss
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    for (const child of children) {
      child.process.kill('SIGKILL')
      await child.ended
    }
  }
}

/** The data that would be left now. Undefined when all of it is flushed, or during a commit. */
export function takeLoss(directory: string): PowerLoss | undefined {
  const file = openSync(join(directory, 'data.mdb'), 'r')
  const head = (): Buffer => {
    const bytes = Buffer.alloc(2 * pageBytes)
    readSync(file, bytes, 0, bytes.length, 0)
    return bytes
  }
  const before = transactionsOf(head())
  if (before.newest === before.flushed) {
    closeSync(file)
    return undefined
  }
  const data = readFileSync(file)
  const after = transactionsOf(head())
  closeSync(file)
  const { newest, flushed } = transactionsOf(data)
  // Nothing was committed or flushed while it was read: after a flush the next commit writes over
  // pages of the flushed state.
  return newest > flushed && newest === after.newest && flushed === after.flushed
    ? { data: tear(data, flushed), behind: newest - flushed }
    : undefined
}

/** A directory with such a file. */
export function putBack(directory: string, { data }: PowerLoss): void {
  mkdirSync(directory)
  writeFileSync(join(directory, 'data.mdb'), data)
  writeFileSync(join(directory, 'wake'), '.')
}

function transactionsOf(data: Buffer): { readonly newest: number; readonly flushed: number } {
  const [even = 0, flushed = 0, odd = 0] = places.map((at) => data.readUInt32LE(at + transactionAt))
  const at = even > odd ? 0 : pageBytes
  const isUnflushed = (data.readUInt16LE(at + flagsAt) & overlappingSync) !== 0
  const newest = Math.max(even, odd)
  return { newest, flushed: isUnflushed && flushed > 0 ? flushed : newest }
}

/**
 * Zeros in place of every page of a tree that is newer than the flushed transaction, and another
 * start of the machine.
 */
function tear(data: Buffer, flushed: number): Buffer {
  for (const at of places) data.writeBigInt64LE(0x1234_5678n, at + 160)
  for (let at = 2 * pageBytes; at < data.length; at += pageBytes) {
    const isTree = [1, 2].includes(data.readUInt16LE(at + 18))
    const isOwn = data.readUInt32LE(at) === at / pageBytes
    if (isTree && isOwn && data.readUInt32LE(at + 8) > flushed) data.fill(0, at, at + pageBytes)
  }
  return data
}

/** Other damage of a file that the machine's stop has torn. */
export const losses: Readonly<Record<string, (torn: Buffer, random: SeededRandom) => Buffer>> = {
  [soundLoss]: (torn) => torn,
  'power lost, and a bit of the index': (torn, random) => {
    const at = random.pick(places) + random.int(167)
    torn.writeUInt8(torn.readUInt8(at) ^ (1 << random.int(7)), at)
    return torn
  },
  'power lost, and a page': (torn, random) => {
    const at = pageBytes * random.int(torn.length / pageBytes - 1)
    return torn.fill(0, at, at + pageBytes)
  },
}
