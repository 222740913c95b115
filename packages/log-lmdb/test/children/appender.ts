// A process that appends to a directory until it is killed: prints each acknowledged batch as a line of JSON.
// Arguments: directory, name, batches (0 = without end), events per batch, durability.

import { openLmdbLog } from '@tidemark/log-lmdb'
import { formatCursor, parseTopic } from '@tidemark/log'

const [directory = '', name = '', batches = '0', size = '1', durability] = process.argv.slice(2)
const log = await openLmdbLog({
  directory,
  durability: durability === 'commit' ? 'commit' : 'fsync',
})
const topic = parseTopic(`from/${name}`)
const { head } = await log.bounds()
const tailed: string[] = []
log.tail(head, { records: (records) => tailed.push(...records.map(({ data }) => data)) })

async function appendFrom(lane: number): Promise<void> {
  for (let i = 0; Number(batches) === 0 || i < Number(batches); i++) {
    const idempotencyKey = `${name}-${lane}-${i}`
    const events = Array.from({ length: Number(size) }, (_, j) => ({
      topic,
      data: `${idempotencyKey}-${j}`,
    }))
    const positions = await log.append({ idempotencyKey, events })
    process.stdout.write(
      `${JSON.stringify({ idempotencyKey, cursors: positions.map((one) => formatCursor(one)) })}\n`,
    )
  }
}

process.stdout.write('"ready"\n')
await Promise.all([0, 1, 2, 3].map((lane) => appendFrom(lane)))
process.stdout.write('"done"\n')
for await (const _ of process.stdin) break
process.stdout.write(`${JSON.stringify({ tailed })}\n`)
await log.close()
