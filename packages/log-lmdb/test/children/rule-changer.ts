// A process that gives a directory other rules of retention, and dies by SIGKILL before it removes anything.
// Arguments: directory, rules as JSON.

import { changeRetention, formatCursor } from '@tidemark/log'
import type { RetentionRule } from '@tidemark/log'
import { openLmdbLog } from '@tidemark/log-lmdb'

const [directory = '', given = '[]'] = process.argv.slice(2)
const log = await openLmdbLog({ directory, durability: 'commit' })
const rules = JSON.parse(given) as readonly RetentionRule[]
const position = await changeRetention(log, { ...log.retention, rules })
process.stdout.write(`${JSON.stringify(formatCursor(position))}\n`, () => {
  process.kill(process.pid, 'SIGKILL')
})
