// A process that exits in the middle of a backup, as soon as LMDB has made a file beside the
// target. Arguments: directory, target, the file's name.

import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { backUpLog } from '@tidemark/log-lmdb'

const [directory = '', target = '', name = ''] = process.argv.slice(2)
const beside = dirname(target)

function look(): void {
  const isThere = readdirSync(beside).some((scratch) => existsSync(join(beside, scratch, name)))
  if (isThere) process.exit(130)
  setTimeout(look, 0)
}

look()
await backUpLog({ directory, target })
