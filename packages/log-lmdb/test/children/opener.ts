// A process that opens each directory it is told of, says how that went, and closes it when it is
// told of the next. A line of input is one directory.

import { createInterface } from 'node:readline'
import { openLmdbLog } from '@tidemark/log-lmdb'
import type { LmdbEventLog } from '@tidemark/log-lmdb'

let log: LmdbEventLog | undefined
process.stdout.write('"ready"\n')
for await (const directory of createInterface(process.stdin)) {
  await log?.close()
  log = undefined
  const failure = await open(directory)
  process.stdout.write(`${JSON.stringify({ directory, failure })}\n`)
}
await log?.close()

async function open(directory: string): Promise<string | undefined> {
  try {
    log = await openLmdbLog({ directory })
    return undefined
  } catch (error) {
    return String(error)
  }
}
