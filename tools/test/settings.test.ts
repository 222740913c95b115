// The pages about settings say what the rows say, and the schema for editors takes what the hub takes.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify from 'fastify'
import { afterAll, expect, test } from 'vitest'
import { configJsonSchema } from '../../packages/hub/src/config/json-schema.ts'
import { loadConfig } from '../../packages/hub/src/config/load-config.ts'
import { findOption } from '../../packages/hub/src/config/options.ts'
import { settings } from '../../packages/hub/src/config/settings.ts'
import {
  renderSchema,
  renderSettingReference,
  renewReadme,
  settingPaths,
} from '../setting-reference.ts'

const reference = readFileSync(settingPaths.reference, 'utf8')

test('the reference says what the rows say (else: npm run docs)', () => {
  expect(reference).toBe(renderSettingReference())
})

test('the schema is made from the rows as they are (else: npm run docs)', () => {
  expect(readFileSync(settingPaths.schema, 'utf8')).toBe(renderSchema())
})

test('the README of the command line has the settings as they are (else: npm run docs)', () => {
  const readme = readFileSync(settingPaths.readme, 'utf8')
  expect(renewReadme(readme)).toBe(readme)
})

test('the reference has a section for every setting, with its flag, its variable and an example', () => {
  const sections = new Map(
    reference.split(/^## /m).map((text) => [/^`(.+)`/.exec(text)?.[1] ?? '', text]),
  )
  for (const row of settings) {
    const section = sections.get(row.name) ?? ''
    expect(section).toContain(row.help)
    expect(section).toContain(JSON.stringify(row.example))
    const option = findOption(row)
    if (option !== undefined) expect(section).toContain(`variable \`${option.env}\``)
  }
})

test('every line of help is a sentence', () => {
  for (const { help, more = 'None.' } of settings) {
    for (const text of [help, more]) expect(text).toMatch(/^[A-Z].*\.$/)
  }
})

const directory = mkdtempSync(join(tmpdir(), 'tidemark-schema-'))
const server = fastify({
  ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
})
server.post('/', { schema: { body: configJsonSchema } }, () => 'fits')
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await server.close()
})

/** Whether an editor finds nothing wrong with a file. */
async function fitsSchema(tree: unknown): Promise<boolean> {
  const { statusCode } = await server.inject({
    method: 'POST',
    url: '/',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(tree),
  })
  return statusCode === 200
}

function isTaken(tree: unknown): boolean {
  const file = join(directory, 'tidemark.config.json')
  writeFileSync(file, JSON.stringify(tree))
  try {
    loadConfig({ flags: {}, env: {}, directory })
    return true
  } catch {
    return false
  }
}

function plant([top = '', inner]: readonly string[], value: unknown): unknown {
  return { [top]: inner === undefined ? value : { [inner]: value } }
}

test('an editor marks nothing that the hub takes: examples, defaults, bare numbers, other units', async () => {
  const others: readonly unknown[] = [
    0,
    1,
    7,
    15_000,
    1.5,
    true,
    'true',
    '7',
    '20ms',
    '1.5h',
    '2GB',
    '64KiB',
    'none',
  ]
  let taken = 0
  for (const row of settings) {
    for (const value of [row.example, row.default, ...others]) {
      const tree = plant(row.path, value)
      if (!isTaken(tree)) continue
      taken++
      expect([tree, await fitsSchema(tree)]).toEqual([tree, true])
    }
  }
  expect(taken).toBeGreaterThan(2 * settings.length)
})

test('an editor marks wrong names, wrong types and numbers out of range, as the hub refuses them', async () => {
  const wrong: unknown[] = settings.flatMap(({ path, kind }) => [
    plant([...path.slice(0, -1), `${path.at(-1)}_`], 1),
    plant(path, kind.kind === 'names' ? 7 : {}),
    plant(path, null),
    ...('to' in kind && kind.to !== undefined ? [plant(path, kind.to + 1)] : []),
  ])
  for (const tree of [...wrong, { delivery: { rules: [{ pattern: 'a' }] } }, { $schema: 7 }]) {
    expect([tree, isTaken(tree), await fitsSchema(tree)]).toEqual([tree, false, false])
  }
})
