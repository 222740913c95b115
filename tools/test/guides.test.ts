// Files in the guides for builders: each one they name is there, and each one of the engine is
// named.

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRooms, rootFolder } from '../read-rooms.ts'

const sources = ['packages/*/{src,test}/**/*.ts', 'tools/**/*.ts', 'bench/**/*.ts']
const files = globSync(sources, { cwd: rootFolder })
const guides = [
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  ...globSync('packages/{*,*/src/**}/README.md', { cwd: rootFolder }),
]

function readNamed(guide: string): readonly string[] {
  const text = readFileSync(join(rootFolder, guide), 'utf8')
  const named = [...text.matchAll(/`([\w./-]+\.ts)`/g)].map((match) => match[1] ?? '')
  // `app/` is that of an application with Next.js.
  return named.filter((path) => !path.startsWith('app/'))
}

test.each(guides)('the files that %s names are there', (guide) => {
  const isThere = (named: string): boolean =>
    files.some((file) => file === named || file.endsWith(`/${named}`))
  expect(readNamed(guide).filter((named) => !isThere(named))).toEqual([])
})

test('every file of the engine has its place in the table of its room', () => {
  const named = new Set(readNamed('packages/server/README.md'))
  const engine = readRooms().find(({ name }) => name === 'server')
  const paths = engine?.files.map(({ path }) => path) ?? []
  expect(paths.length).toBeGreaterThan(50)
  // `index.ts` only names exports.
  expect(paths.filter((path) => !named.has(path) && !path.endsWith('index.ts'))).toEqual([])
})
