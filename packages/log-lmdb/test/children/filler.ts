// A process that appends until storage says no, waits for a word, and appends again. Argument: directory.

import { openLmdbLog } from '@tidemark/log-lmdb'
import { LogError, parseTopic, parseTopicSet } from '@tidemark/log'

const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
process.on('unhandledRejection', (reason) => say({ unhandled: String(reason) }))

const [directory = ''] = process.argv.slice(2)
const log = await openLmdbLog({ directory })
const { head: start } = await log.bounds()
const topic = parseTopic('a')
let acknowledged = 0
const tailed: number[] = []
log.tail(start, { records: (records) => tailed.push(records.length) })

/** Three publishers at once, so that a failing transaction has several batches in it. */
async function appendThree(): Promise<readonly string[]> {
  const results = await Promise.allSettled(
    [1, 2, 3].map(() => log.append({ events: [{ topic, data: 'x'.repeat(50_000) }] })),
  )
  acknowledged += results.filter(({ status }) => status === 'fulfilled').length
  return results.flatMap((result) =>
    result.status === 'rejected' && result.reason instanceof LogError
      ? [`${result.reason.code}: ${result.reason.message}`]
      : result.status === 'rejected'
        ? [String(result.reason)]
        : [],
  )
}

async function countStored(): Promise<number> {
  const topics = parseTopicSet(['a'])
  const { head } = await log.bounds()
  let after = start
  let count = 0
  for (;;) {
    const page = await log.read({ topics, after, upTo: head, limit: 10 })
    if (page.records.length === 0) return count
    count += page.records.length
    after = page.next
  }
}

let failures: readonly string[] = []
while (failures.length === 0) failures = await appendThree()
// It must go on saying no, and not fall silent.
for (let i = 0; i < 3; i++) failures = [...failures, ...(await appendThree())]
say({ failures, acknowledged, stored: await countStored() })
for await (const _ of process.stdin) break
const after = await appendThree()
// Tails are told in the tick after the answers.
await new Promise((resolve) => setImmediate(resolve))
say({
  failures: after,
  acknowledged,
  stored: await countStored(),
  tailed: tailed.reduce((a, b) => a + b, 0),
})
await log.close()
