// Recognizes a file of LMDB whose beginning is damaged.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import {
  dataVersion,
  pageFlags,
  pageHeaderBytes,
  readDataVersion,
  readNumber,
  readPageHead,
} from './data-file.ts'
import { tracedPages } from '../limits.ts'

/** Sizes that pages can have. */
const pageSizes = [512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536]

const treeFlags: ReadonlySet<number> = new Set([
  pageFlags.branch,
  pageFlags.leaf,
  pageFlags.overflow,
])

/**
 * Whether the file is of this version of LMDB. Either one of the two first pages says so, or
 * neither does and later pages are LMDB's.
 */
export function hasTraces(file: number): boolean {
  const versions = [0, ...pageSizes]
    .map((at) => readDataVersion(file, at))
    .filter((version) => version !== undefined)
  if (versions.length > 0) return versions.includes(dataVersion)
  return pageSizes.some((pageSize) => hasTreePage(file, pageSize))
}

/** Like {@link hasTraces}, for a path. @throws the file system's error */
export function isOfLmdb(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    return hasTraces(file)
  } finally {
    closeSync(file)
  }
}

/** Every page of a tree begins with its own number. In another file that is a chance of 1 in 2^64. */
function hasTreePage(file: number, pageSize: number): boolean {
  const head = Buffer.alloc(pageHeaderBytes)
  const { size } = fstatSync(file)
  for (let page = 2; page < tracedPages && (page + 1) * pageSize <= size; page++) {
    readSync(file, head, 0, head.length, page * pageSize)
    if (readNumber(head, 0) === page && treeFlags.has(readPageHead(head).flags)) return true
  }
  return false
}
