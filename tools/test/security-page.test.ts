// Every default that docs/security.md promises, and each method that it offers, names the test that shows
// it. That test is there.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rootFolder } from '../read-rooms.ts'

const page = readFileSync(join(rootFolder, 'docs/security.md'), 'utf8')
const sections = ['Choose a method', 'Defaults, and their tests']
const tables = sections.map((name) => new RegExp(`## ${name}\\n([^]*?)\\n## `).exec(page)?.[1] ?? '')
const rows = tables
  .flatMap((table) => table.split('\n'))
  .filter((line) => /^\| (?!default|your clients|---)/.test(line))
const links = rows.map((row) => /\[([^\]]+)\]\(\.\.\/([^)]+)\) \|$/.exec(row)?.slice(1) ?? [row])

test('every line has a test', () => {
  expect(rows.length).toBeGreaterThan(20)
  expect(links.filter(({ length }) => length !== 2)).toEqual([])
})

test.each(links)('%s', (title = '', path = '') => {
  expect(readFileSync(join(rootFolder, path), 'utf8')).toContain(title)
})
