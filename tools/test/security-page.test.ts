// Every default that docs/security.md promises names the test that shows it, and that test is there.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rootFolder } from '../read-rooms.ts'

const page = readFileSync(join(rootFolder, 'docs/security.md'), 'utf8')
const [, table = ''] = /## Defaults, and their tests\n([^]*?)\n## /.exec(page) ?? []
const rows = table.split('\n').filter((line) => /^\| (?!default|---)/.test(line))
const links = rows.map((row) => /\[([^\]]+)\]\(\.\.\/([^)]+)\) \|$/.exec(row)?.slice(1) ?? [row])

test('every line has a test', () => {
  expect(rows.length).toBeGreaterThan(20)
  expect(links.filter(({ length }) => length !== 2)).toEqual([])
})

test.each(links)('%s', (title = '', path = '') => {
  expect(readFileSync(join(rootFolder, path), 'utf8')).toContain(title)
})
