// The contents of a ledger as one number per position, so that processes can compare what they saw.

import { crc32 } from 'node:zlib'
import { formatCursor } from '@tidemark/log'
import type { Ledger, LedgerCodec } from '@tidemark/log'

export const textCodec: LedgerCodec<string> = { encode: (value) => value, decode: (text) => text }

/** Sums of checksums, whatever the order in which entries came. */
export class LedgerDigest {
  #sum = 0
  #size = 0

  constructor(ledger: Ledger<string>) {
    for (const { key, value } of ledger.entries()) this.note(key, undefined, value)
  }

  note(key: string, before: string | undefined, value: string | undefined): void {
    if (before !== undefined) this.#sum -= crc32(`${key}\n${before}`)
    if (value !== undefined) this.#sum += crc32(`${key}\n${value}`)
    this.#size += Number(value !== undefined) - Number(before !== undefined)
  }

  toString(): string {
    return `${this.#size}:${this.#sum}`
  }
}

/** Says the digest at each change whose sequence is a multiple of 64. */
export function sayDigests(
  ledger: Ledger<string>,
  digest: LedgerDigest,
  say: (line: { readonly at: string; readonly digest: string }) => void,
): void {
  ledger.onChange(({ key, before, value, position }) => {
    digest.note(key, before, value)
    const at = formatCursor(position)
    if (Number.parseInt(at.slice(at.lastIndexOf('-') + 1), 36) % 64 === 0)
      say({ at, digest: String(digest) })
  })
}
