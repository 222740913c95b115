// Writes the pages about settings; `npm run docs` runs it.

import { readFileSync, writeFileSync } from 'node:fs'
import {
  renderSchema,
  renderSettingReference,
  renewReadme,
  settingPaths,
} from './setting-reference.ts'

const { reference, schema, readme } = settingPaths
writeFileSync(reference, renderSettingReference())
writeFileSync(schema, renderSchema())
writeFileSync(readme, renewReadme(readFileSync(readme, 'utf8')))
console.log(`Wrote ${reference}, ${schema} and the settings in ${readme}.`)
