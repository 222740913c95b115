// `npm run lock`: adds what npm forgot to package-lock.json; see lock-file.ts.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { completeLock, findForgotten } from './lock-file.ts'
import type { LockFile } from './lock-file.ts'
import { rootFolder } from './read-rooms.ts'

const path = join(rootFolder, 'package-lock.json')
const lock = JSON.parse(readFileSync(path, 'utf8')) as LockFile
const added = Object.keys(findForgotten(lock)).length
if (added > 0) writeFileSync(path, `${JSON.stringify(completeLock(lock), null, 2)}\n`)
console.log(`${added} entries added to package-lock.json.`)
