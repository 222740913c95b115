// The most that a disk can do: the same 4 KiB written and flushed over and over.

import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Milliseconds of one flush, over `ms` of them. */
export function measureFlushMs(directory: string, ms: number): number {
  const file = openSync(join(directory, 'flushes'), 'w')
  const page = Buffer.alloc(4_096, 1)
  const start = performance.now()
  let count = 0
  try {
    while (performance.now() - start < ms) {
      // In place: a file that grows would have to flush its length too.
      writeSync(file, page, 0, page.length, 0)
      fdatasyncSync(file)
      count += 1
    }
  } finally {
    closeSync(file)
  }
  return (performance.now() - start) / count
}
