// A process that has a log open and stands still in a write transaction. It lets go when its input
// ends. Argument: directory.

import { openLmdbLog } from '@tidemark/log-lmdb'
import { openRoot } from '../../src/tables/schema.ts'

const [directory = ''] = process.argv.slice(2)
const log = await openLmdbLog({ directory })
const root = openRoot(directory, undefined)
await root.transaction(async () => {
  process.stdout.write(`${JSON.stringify({ step: 'holds' })}\n`)
  for await (const _ of process.stdin);
})
await root.close()
await log.close()
