// Writes docs/reference/errors.md; `npm run docs` runs it.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { readRegistries, referencePath, renderReference } from './error-reference.ts'

mkdirSync(dirname(referencePath), { recursive: true })
writeFileSync(referencePath, renderReference(await readRegistries()))
console.log(`Wrote ${referencePath}.`)
