// Comments and documents keep rule 16 of STYLE.md, in the rooms that have been gone through; and the
// check sees what breaks it.

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkComments, checkDocument } from '../check-prose.ts'
import { rootFolder } from '../read-rooms.ts'

/** Sources and documents that are written in plain sentences. */
const done = [
  '{ARCHITECTURE,CONTRIBUTING,README,SECURITY}.md',
  '.changeset/*.md',
  'bench/**/*.{md,ts}',
  // The pages of docs/reference are made from rows of the code.
  'docs/*.md',
  'docs/guide/*.md',
  'examples/*/{README.md,*.js,pages/*.js,test/*.ts}',
  'packages/{cli,client,hub,log}/README.md',
  'packages/*/src/**/README.md',
  'packages/access/README.md',
  'packages/access/src/**/*.ts',
  'packages/access/test/**/*.ts',
  'packages/cli/src/**/*.ts',
  'packages/cli/test/**/*.ts',
  'packages/client/src/**/*.ts',
  'packages/client/test/**/*.ts',
  'packages/hub/src/**/*.ts',
  'packages/hub/test/**/*.ts',
  'tools/**/*.ts',
  'packages/log/src/**/*.ts',
  'packages/log/test/**/*.ts',
  'packages/log-lmdb/**/README.md',
  'packages/log-lmdb/src/**/*.ts',
  'packages/log-lmdb/test/**/*.ts',
  'packages/testkit/src/**/*.ts',
  'packages/testkit/test/**/*.ts',
  'packages/server/README.md',
  'packages/server/src/**/*.ts',
  'packages/server/test/**/*.ts',
  'packages/wire/README.md',
  'packages/wire/src/**/*.ts',
  'packages/wire/test/**/*.ts',
]

/** Within these, files that are still to be gone through. A file leaves this list and never comes back. */
const toDo: readonly string[] = []

/** Rooms that are still to be gone through. One leaves this list for the list above. */
const roomsToDo: readonly string[] = []

function list(patterns: readonly string[]): readonly string[] {
  return globSync([...patterns], {
    cwd: rootFolder,
    exclude: (name) => /^(?:node_modules|dist)$/.test(name),
  }).map((path) => path.replaceAll('\\', '/'))
}

const excepted = new Set(list(toDo))
const files = list(done).filter((path) => !excepted.has(path))

test('every part of the second list names a file', () => {
  expect(toDo.filter((pattern) => list([pattern]).length === 0)).toEqual([])
})

test('every room is in the first list or the third', () => {
  const rooms = globSync('packages/*/package.json', { cwd: rootFolder }).map(
    (path) => path.split(/[\\/]/)[1] ?? '',
  )
  const listed = [...done, ...roomsToDo.map((room) => `packages/${room}/src/*.ts`)].join(' ')
  expect(rooms.filter((room) => !listed.includes(`packages/${room}/src`))).toEqual([])
  expect(files.length).toBeGreaterThan(100)
})

test.each(files)('%s is written in plain sentences', (path) => {
  const text = readFileSync(join(rootFolder, path), 'utf8')
  expect(path.endsWith('.md') ? checkDocument(text) : checkComments(text)).toEqual([])
})

const long = 'so '.repeat(26).trim()

test.each<[string, string, readonly string[]]>([
  ['a long line', `// ${'abcde '.repeat(19)}\n`, ['1: has 117 characters; 110 at most.']],
  [
    'a long sentence over lines',
    `/**\n * ${'so '.repeat(13)}\n * ${'so '.repeat(13)}.\n */\n`,
    [expect.stringMatching(/^2: has a sentence of 26 words; 25 at most/)],
  ],
  [
    'a sentence that begins with its object',
    `// Fine. Whoever comes late waits.\nconst a = 1\n`,
    [expect.stringMatching(/^1: begins a sentence with its object/)],
  ],
  [
    'a sentence in the text behind a tag',
    `/** @param ${long} */\n`,
    [expect.stringMatching(/sentence of 26 words/)],
  ],
  ['a question', `// What next? See above.\n`, []],
  ['code, an example and a diagram', `const a = 1 * 2\n/**\n * @example\n * ${long}\n */\n`, []],
  ['a diagram', `//   ${long}\n`, []],
  ['two sentences', `// ${'so '.repeat(20)}end. Here ${'so '.repeat(20)}\n`.slice(0, 105), []],
])('in comments, %s is judged', (_, text, findings) => {
  expect(checkComments(text)).toEqual(findings)
})

test.each<[string, string, readonly string[]]>([
  ['a long line', `${'abcde '.repeat(20)}\n`, ['1: has 120 characters; 110 at most.']],
  ['a row of a table', `| ${'abcde '.repeat(20)}|\n`, []],
  ['a block of code', `\`\`\`ts\n${long} ${long}\n\`\`\`\n`, []],
  ['an item over lines', `- ${'so '.repeat(13)}\n  ${'so '.repeat(13)}\n`, [expect.any(String)]],
  ['a bold beginning', `- **Who comes** waits.\n`, [expect.stringMatching(/object/)]],
])('in documents, %s is judged', (_, text, findings) => {
  expect(checkDocument(text)).toEqual(findings)
})
