// The worst case of each product of limits: computed, and measured where a machine can fill it in
// reasonable time and memory.
//
// Run: npm run bench -- limits [--only=topic]
//
// Computed are the rows of docs/limits.md. Measured is the growth of the process that fills the
// product. That is heap and memory outside of it after a collection, or resident memory of a hub in a
// process of its own. Beside it stands how much the same filling may take by the code's own count. A
// ratio above 1 says that the code counts too little. That, or a filling that fails, is said and ends
// the bench with 1.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createLook, formatBytes, productSections } from '../tools/limits/limit-reference.ts'
import { readLimits } from '../tools/limits/read-limits.ts'
import { readFlag } from './support/flags.ts'
import { limitFillings } from './support/limit-fillings.ts'
import { tableRow } from './support/statistics.ts'

/** The report of a process that fills a product. */
interface Measured {
  readonly bytes: number
  readonly allowed: number
}

const widths = [76, 14, 12, 12, 12, 8]
const only = readFlag('only')
const child = fileURLToPath(new URL('support/fill-limit.ts', import.meta.url))

/** Fills one product in a process of its own, so that nobody else's garbage is counted. */
async function measure(name: string): Promise<Measured> {
  const filling = spawn(process.execPath, ['--expose-gc', child, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 120_000,
  })
  let output = ''
  filling.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code, signal] = (await once(filling, 'close')) as [number | null, string | null]
  if (code !== 0) throw new Error(`The filling ${name} ended with ${signal ?? code}.`)
  return JSON.parse(output) as Measured
}

/** The last three columns of a row. */
async function describe(name: string): Promise<readonly string[]> {
  try {
    const { bytes, allowed } = await measure(name)
    const ratio = bytes / allowed
    if (!(ratio <= 1)) failures.push(`${name}: ${formatBytes(bytes)} of ${formatBytes(allowed)}`)
    return [formatBytes(bytes), formatBytes(allowed), ratio.toFixed(2)]
  } catch (error) {
    failures.push(`${name}: ${String(error)}`)
    return ['FAILED', '', '']
  }
}

const failures: string[] = []
const products = new Set(
  productSections.flatMap((section) => section.products.map(({ what }) => what)),
)
for (const { name, product } of limitFillings)
  if (!products.has(product)) failures.push(`${name}: there is no row "${product}"`)

const look = createLook(await readLimits())
const head = ['at one time', 'factors alone', 'worst case', 'measured', 'counted', 'ratio']
console.log(tableRow(head, widths))
for (const { title, products } of productSections) {
  console.log(`\n${title}`)
  for (const { what, factors, worstCase } of products) {
    if (only !== undefined && !what.includes(only)) continue
    const filling = limitFillings.find(({ product }) => product === what)
    const figures = filling === undefined ? ['', '', ''] : await describe(filling.name)
    const all = factors === undefined ? '' : formatBytes(factors(look))
    console.log(tableRow([what, all, formatBytes(worstCase(look)), ...figures], widths))
  }
}

for (const failure of failures) console.error(`Too much, or not measured: ${failure}`)
if (failures.length > 0) process.exitCode = 1
