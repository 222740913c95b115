// The page of limits: each product of two or more of them, its worst case, and what bounds it.

import { join } from 'node:path'
import { rootFolder } from '../read-rooms.ts'
import { aloneLimits } from './alone-limits.ts'
import { clientProducts } from './client-products.ts'
import { hubProducts } from './hub-products.ts'
import { otherProducts } from './other-products.ts'
import type { Look, Product } from './product.ts'
import type { Limits } from './read-limits.ts'
import { serverProducts } from './server-products.ts'

/** Where the page is kept. */
export const limitReferencePath: string = join(rootFolder, 'docs/limits.md')

/** Products under the heading of their rooms. */
export const productSections: readonly {
  readonly title: string
  readonly products: readonly Product[]
}[] = [
  { title: 'The engine', products: serverProducts },
  { title: 'The hub', products: hubProducts },
  { title: 'The clients of a hub', products: clientProducts },
  { title: 'Logs, codec, client, command line', products: otherProducts },
]

/** Looks limits up; a name that does not exist is an error. */
export function createLook(limits: Limits): Look {
  return (name) => {
    const value = limits.get(name)
    if (value === undefined) throw new Error(`There is no limit ${name}.`)
    return value
  }
}

/** Bytes for people: 1.5 GiB. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(2))} ${units[unit] ?? ''}`
}

/** The text of `docs/limits.md`. */
export function renderLimits(limits: Limits): string {
  const look = createLook(limits)
  const sections = productSections.map(
    ({ title, products }) =>
      `## ${title}\n\n${head}\n${products.map((product) => renderRow(product, look)).join('\n')}\n`,
  )
  const alone = Object.entries(aloneLimits).map(
    ([kind, names]) => `| ${kind} | ${names.map((name) => `\`${name}\``).join(' ')} |`,
  )
  return `${intro}\n${sections.join('\n')}\n${aloneIntro}\n${alone.join('\n')}\n`
}

function renderRow(product: Product, look: Look): string {
  const { what, limits, factors, worstCase, boundedBy } = product
  const all = factors === undefined ? '' : formatBytes(factors(look))
  const names = limits.map((name) => `\`${name}\``).join(' ')
  return `| ${what} | ${all} | **${formatBytes(worstCase(look))}** | ${boundedBy} | ${names} |`
}

const head = `| at one time | factors alone | worst case | bounded by | limits |
|---|---|---|---|---|`

const intro = `# Limits, multiplied

<!-- Made by \`npm run docs\` from packages/*/src/limits.ts and tools/limits/. Change it there. -->

Every limit has a name and its arithmetic in the \`limits.ts\` of its room. This page multiplies them:
everything that can be held at one time although each part is within its own limit. *Factors alone* is
the product if nothing bounded it, *worst case* what is really held. Both are computed from the code with
the settings as they come: one process, 10,000 sessions, events of 1 MiB, 1 GiB of retention. JSON writes a
control character as six bytes, and UTF-8 takes up to three for a UTF-16 unit. V8 stores a text by two bytes
a unit as soon as one of them needs it. All three are counted.

A test holds this page against the code: a new limit without a row fails, and each row names a test
that fills it. The worst cases do not add up: the same session cannot be stalled live, replaying and
lagging at once. \`npm run bench -- limits\` fills what fits on a machine and prints what it measures
beside what is computed.
`

const aloneIntro = `## Limits on their own

These take part in no product.

| what they are | limits |
|---|---|`
