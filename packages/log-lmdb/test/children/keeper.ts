// A process that looks after a log, in a world where time passes a hundred times as fast; it exits
// when its input ends. Arguments: `check`, `copy` or `compact`, directory, target.

import { systemClock } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { backUpLog, checkLog } from '@tidemark/log-lmdb'

const [task = '', directory = '', target = ''] = process.argv.slice(2)
const clock: Clock = { ...systemClock, after: (ms, run) => systemClock.after(ms / 100, run) }
const isCompact = task === 'compact'
const work =
  task === 'check'
    ? checkLog({ path: directory, clock })
    : backUpLog({ directory, target, isCompact, clock })
const outcome = await work.then(
  ({ summary }) => `${summary?.records} records`,
  (error: unknown) => String(error),
)
process.stdout.write(`${JSON.stringify({ outcome })}\n`)
for await (const _ of process.stdin);
process.exit(3)
