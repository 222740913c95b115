// The reference of error codes, the registries and the code that throws say the same.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readRegistries, referencePath, renderReference } from '../error-reference.ts'
import { readRooms } from '../read-rooms.ts'

const registries = await readRegistries()
const documented = readFileSync(referencePath, 'utf8')

test('every code has its sentence in the reference (else: npm run docs)', () => {
  const rows = documented.split('\n')
  const missing = registries.flatMap(({ packageName, codes }) =>
    Object.entries(codes)
      .filter(([code, sentence]) => !rows.includes(`| \`${code}\` | ${sentence} |`))
      .map(([code]) => `${packageName} ${code}`),
  )
  expect(missing).toEqual([])
})

test('every code in the reference exists (else: npm run docs)', () => {
  const known = new Set(registries.flatMap(({ codes }) => Object.keys(codes)))
  const rows = [...documented.matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map((match) => match[1] ?? '')
  expect(rows.length).toBeGreaterThan(0)
  expect(rows.filter((code) => !known.has(code))).toEqual([])
  expect(documented).toBe(renderReference(registries))
})

test('every code is thrown or answered somewhere, so none is only a promise', () => {
  const sources = readRooms().flatMap(({ files }) =>
    files.filter(({ path }) => path !== 'errors.ts').map(({ text }) => text),
  )
  const unused = registries.flatMap(({ packageName, codes }) =>
    Object.keys(codes)
      .filter((code) => !sources.some((text) => new RegExp(`\\b${code}\\b`).test(text)))
      .map((code) => `${packageName} ${code}`),
  )
  expect(unused).toEqual([])
})

test('every sentence begins with a capital and ends with a full stop', () => {
  for (const { codes } of registries) {
    for (const sentence of Object.values(codes)) expect(sentence).toMatch(/^[A-Z].*\.$/)
  }
})
