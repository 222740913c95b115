// A process that opens each directory it is told of, reads all of it, appends to it, and says how
// that went. A line of input is one directory; damage that gets as far as LMDB kills the process.

import { createInterface } from 'node:readline'
import { openLmdbLog } from '@tidemark/log-lmdb'
import { LogError, parseTopic } from '@tidemark/log'
import { digestLog, sampleRetention } from '../damaged-log.ts'

process.stdout.write('"ready"\n')
for await (const directory of createInterface(process.stdin)) {
  process.stdout.write(`${JSON.stringify({ directory, ...(await probe(directory)) })}\n`)
}

async function probe(directory: string): Promise<Readonly<Record<string, string>>> {
  try {
    const log = await openLmdbLog({ directory, retention: sampleRetention })
    try {
      const digest = await digestLog(log)
      // Damage in the places that only writing uses shows here.
      for (let i = 0; i < 5; i++) {
        const data = 'x'.repeat(3_000)
        await log.append({
          events: ['all', 'few/one', 'new'].map((name) => ({ topic: parseTopic(name), data })),
        })
      }
      return { digest }
    } finally {
      await log.close()
    }
  } catch (error) {
    return error instanceof LogError
      ? { code: error.code, message: error.message }
      : { code: 'NOT_CODED', message: String(error) }
  }
}
