// `npm run bench`: lists the benchmarks; `npm run bench -- decode` runs one, with what follows as its
// arguments.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { rootFolder } from './read-rooms.ts'
import { run } from './run-step.ts'

const names = readdirSync(join(rootFolder, 'bench'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replace(/\.ts$/, ''))

const [name, ...args] = process.argv.slice(2)
if (name === undefined) {
  console.log(`Benchmarks: ${names.join(', ')}. Run one with \`npm run bench -- <name>\`.`)
} else if (names.includes(name)) {
  const path = join(rootFolder, 'bench', `${name}.ts`)
  process.exitCode = (await run(process.execPath, [path, ...args], { live: true })).code
} else {
  console.error(`There is no benchmark ${JSON.stringify(name)}; there are ${names.join(', ')}.`)
  process.exitCode = 1
}
