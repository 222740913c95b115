// The rooms keep the layering table, and the check is able to see when one does not.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkRooms } from '../check-rooms.ts'
import { layering } from '../layering.ts'
import type { RoomRule } from '../layering.ts'
import { readRooms } from '../read-rooms.ts'
import type { Manifest, Room } from '../read-rooms.ts'

test('every room imports only what the layering table allows', () => {
  const rooms = readRooms()
  expect(rooms.length).toBeGreaterThanOrEqual(8)
  expect(checkRooms(rooms, layering)).toEqual([])
})

test('wire and log, which import nothing, show values by the same text of code', () => {
  const read = (room: string): string =>
    readFileSync(new URL(`../../packages/${room}/src/quote.ts`, import.meta.url), 'utf8')
  expect(read('wire')).toBe(read('log'))
})

const table: Record<string, RoomRule> = {
  low: { mayImport: [], npm: false, node: false },
  log: { mayImport: [], npm: false, node: ['node'] },
  high: { mayImport: ['low', 'log'], npm: true, node: true },
}

interface Made {
  readonly name?: string
  readonly files?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly references?: readonly string[]
  readonly packageName?: string
}

function makeRoom(made: Made): Room {
  const name = made.name ?? 'high'
  const dependencies = made.dependencies ?? {}
  const manifest: Manifest = {
    name: made.packageName ?? `@tidemark/${name}`,
    version: '0.1.0',
    dependencies,
  }
  const internal = Object.keys(dependencies).filter((each) => each.startsWith('@tidemark/'))
  return {
    name,
    manifest,
    references: made.references ?? internal.map((each) => each.replace('@tidemark/', '')),
    files: Object.entries(made.files ?? {}).map(([path, text]) => ({ path, text })),
  }
}

function check(made: Made): string[] {
  return checkRooms([makeRoom(made)], table)
}

const low = { '@tidemark/low': '0.1.0' }

test('a room that keeps every rule has no findings', () => {
  const files = {
    'index.ts': `export { a } from './a.ts'\nexport type { B } from './deep/b.ts'\n`,
    'a.ts': `// Says what it is.\n\nimport { join } from 'node:path'\nimport { x } from '@tidemark/low'\nimport zod from 'zod'\nexport const a = [join, x, zod]\n`,
    'deep/b.ts': `/** A shape. */\nexport type B = typeof import('../a.ts')\n`,
    'clock.ts': `// The clock.\nexport const now = () => Date.now()\n`,
    'main.ts': `#!/usr/bin/env node\n// The process.\n`,
  }
  expect(check({ files, dependencies: { ...low, zod: '4.0.0' } })).toEqual([])
})

const header = '// Says what it is.\n'

test.each<[string, Made, string]>([
  [
    'a type import from a room above is seen',
    { name: 'low', files: { 'a.ts': `${header}import type { X } from '@tidemark/high'` } },
    'low/src/a.ts: may not import @tidemark/high.',
  ],
  [
    'an import spread over several lines is seen',
    {
      name: 'low',
      files: { 'a.ts': `${header}import {\n  x,\n  y,\n} from '@tidemark/high/sub'` },
    },
    'low/src/a.ts: may not import @tidemark/high/sub.',
  ],
  [
    'a dynamic import is seen',
    { name: 'low', files: { 'a.ts': `${header}const x = await import('@tidemark/high')` } },
    'low/src/a.ts: may not import @tidemark/high.',
  ],
  [
    'an import for its side effect is seen',
    { name: 'low', files: { 'a.ts': `${header}import 'left-pad'` } },
    'low/src/a.ts: may not import left-pad.',
  ],
  [
    'a re-export is seen',
    { name: 'low', files: { 'index.ts': `export { x } from '@tidemark/high'` } },
    'low/src/index.ts: may not import @tidemark/high.',
  ],
  [
    'a dependency that is imported but not declared is seen',
    { files: { 'a.ts': `${header}import { x } from '@tidemark/low'` } },
    'high/src/a.ts: imports @tidemark/low, which its package.json does not name.',
  ],
  [
    'node: in a room for any runtime is seen',
    { name: 'low', files: { 'a.ts': `${header}import { join } from 'node:path'` } },
    'low/src/a.ts: imports node:path; no node: here.',
  ],
  [
    'node: outside the node door is seen',
    {
      name: 'log',
      files: { 'a.ts': `${header}import 'node:http'`, 'node/b.ts': `${header}import 'node:http'` },
    },
    'log/src/a.ts: imports node:http; no node: here.',
  ],
  [
    'a relative import into another room is seen',
    { files: { 'deep/a.ts': `${header}import { x } from '../../../low/src/x.ts'` } },
    "high/src/deep/a.ts: imports ../../../low/src/x.ts, outside its src; use the package's name.",
  ],
  [
    'the inside of positions is kept from rooms that are no drivers',
    {
      files: { 'a.ts': `${header}import { x } from '@tidemark/log/driver'` },
      dependencies: { '@tidemark/log': '0.1.0' },
    },
    'high/src/a.ts: imports @tidemark/log/driver; positions are opaque outside the drivers.',
  ],
  [
    'a cycle of types is seen',
    {
      files: {
        'a.ts': `${header}import type { B } from './b.ts'`,
        'b.ts': `${header}import type { A } from './a.ts'`,
      },
    },
    'high/src: a cycle: a.ts → b.ts → a.ts.',
  ],
  [
    'an npm dependency of a room that may have none is seen',
    { name: 'low', dependencies: { lmdb: '3.0.0' } },
    'low/package.json: depends on lmdb; it may have no npm dependency.',
  ],
  [
    'a forbidden room in package.json is seen',
    { name: 'low', dependencies: { '@tidemark/high': '0.1.0' } },
    'low/package.json: may not depend on high.',
  ],
  [
    'a version out of step is seen',
    { dependencies: { '@tidemark/low': '^0.1.0' } },
    'high/package.json: needs @tidemark/low ^0.1.0; lockstep wants 0.1.0.',
  ],
  [
    'a missing build reference is seen',
    { dependencies: low, references: [] },
    'high/package.json: depends on low, but its tsconfig.json does not reference it.',
  ],
  [
    'a build reference too many is seen',
    { references: ['low'] },
    'high/package.json: references low in tsconfig.json without depending on it.',
  ],
  [
    'a package under another name is seen',
    { packageName: 'high' },
    'high/package.json: is named high, not @tidemark/high.',
  ],
  [
    'a room without a row is seen',
    { name: 'new' },
    'new: has no row in tools/layering.ts; give it one.',
  ],
  [
    'an index that does something is seen',
    { files: { 'index.ts': `export { a } from './a.ts'\nexport const b = 1\n` } },
    'high/src/index.ts: does more than name exports; index.ts may not.',
  ],
  [
    'an index that exports without naming is seen',
    { files: { 'index.ts': `export * from './a.ts'\n` } },
    'high/src/index.ts: does more than name exports; index.ts may not.',
  ],
  [
    'a missing header sentence is seen',
    { files: { 'a.ts': `import { x } from './b.ts'\n` } },
    'high/src/a.ts: does not begin with a header sentence that says what the file is.',
  ],
  [
    'a file past 400 lines is seen',
    { files: { 'a.ts': header.repeat(401) } },
    'high/src/a.ts: has 401 lines; 400 at most. Split it.',
  ],
  ...['Date.now', 'Math.random', 'setTimeout', 'setInterval', 'performance.now', 'new Date()'].map(
    (call): [string, Made, string] => [
      `${call} outside the clock is seen`,
      { files: { 'a.ts': `${header}const x = ${call}\n` } },
      `high/src/a.ts: uses ${call}; time and randomness are handed in.`,
    ],
  ),
])('%s', (_, made, finding) => {
  expect(check(made)).toEqual([finding])
})

test('what only comments and strings say is no import and no use of time', () => {
  const text = `// import { x } from '@tidemark/high'; Date.now()\n/* import 'left-pad' */\nconst a = 'Date.now()'\nconst b = \`import 'y'\`\n`
  expect(check({ name: 'low', files: { 'a.ts': text } })).toEqual([])
})

test('a table in which a lower room may import a higher one is refused', () => {
  const wrong = {
    low: { mayImport: ['high'], npm: false, node: false },
    high: { mayImport: [], npm: true, node: true },
  }
  expect(checkRooms([], wrong)).toEqual([
    'tools/layering.ts: low may import high, which is not below it.',
  ])
})
