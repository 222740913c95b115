// A process that opens each directory it is told of, says how that went, and closes it. A line of input is one directory.

import { createInterface } from 'node:readline'
import { openLmdbLog } from '@tidemark/log-lmdb'

process.stdout.write('"ready"\n')
for await (const directory of createInterface(process.stdin)) {
  const failure = await open(directory)
  process.stdout.write(`${JSON.stringify({ directory, failure })}\n`)
}

async function open(directory: string): Promise<string | undefined> {
  try {
    await (await openLmdbLog({ directory })).close()
    return undefined
  } catch (error) {
    return String(error)
  }
}
