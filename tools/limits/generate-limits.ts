// Writes docs/limits.md; `npm run docs` runs it.

import { writeFileSync } from 'node:fs'
import { limitReferencePath, renderLimits } from './limit-reference.ts'
import { readLimits } from './read-limits.ts'

writeFileSync(limitReferencePath, renderLimits(await readLimits()))
console.log(`Wrote ${limitReferencePath}.`)
