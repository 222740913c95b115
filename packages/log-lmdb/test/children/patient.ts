// A process that has nothing left but an append which waits for others. Argument: directory.

import { openLmdbLog } from '@tidemark/log-lmdb'
import { parseTopic } from '@tidemark/log'

const [directory = ''] = process.argv.slice(2)
const log = await openLmdbLog({ directory })
await log.append({ events: [{ topic: parseTopic('a'), data: 'waits' }], patienceMs: 300 })
process.stdout.write('"appended"\n')
await log.close()
process.stdout.write('"closed"\n')
