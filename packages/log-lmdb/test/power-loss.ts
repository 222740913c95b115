// What a stop of the machine leaves of a log under `commit`: states that were visible, and never reached the disk.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startChild } from './children/start-child.ts'

const pageBytes = 4_096
const transactionAt = 152
const flagsAt = 52
const overlappingSync = 0x1000

/** Where the three states stand: of even transactions, what was flushed, of odd ones. */
const places = [0, pageBytes / 2, pageBytes]

export interface PowerLoss {
  /** The data file, with nothing of what came after the flush but the index. */
  readonly data: Buffer
  /** Transactions that were visible beyond the flushed one. */
  readonly behind: number
}

/** Has processes publish under `commit` in `directory`, and stops their machine `behind` transactions after a flush. */
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
      const data = readFileSync(join(directory, 'data.mdb'))
      const head = readFileSync(join(directory, 'data.mdb')).subarray(0, 2 * pageBytes)
      const seen = transactionsOf(data)
      // Nobody has committed while it was read.
      if (head.equals(data.subarray(0, 2 * pageBytes)) && seen.newest - seen.flushed === behind)
        return { data: tear(data, seen.flushed), behind }
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    for (const child of children) {
      child.process.kill('SIGKILL')
      await child.ended
    }
  }
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

/** Zeros in place of every page of a tree that is newer than the flushed transaction, and another start of the machine. */
function tear(data: Buffer, flushed: number): Buffer {
  for (const at of places) data.writeBigInt64LE(0x1234_5678n, at + 160)
  for (let at = 2 * pageBytes; at < data.length; at += pageBytes) {
    const isTree = [1, 2].includes(data.readUInt16LE(at + 18))
    const isOwn = data.readUInt32LE(at) === at / pageBytes
    if (isTree && isOwn && data.readUInt32LE(at + 8) > flushed) data.fill(0, at, at + pageBytes)
  }
  return data
}
