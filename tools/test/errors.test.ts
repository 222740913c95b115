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
      .filter(
        ([code, { title }]) => !rows.some((row) => row.startsWith(`| \`${code}\` | ${title} |`)),
      )
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
    for (const { title } of Object.values(codes)) expect(title).toMatch(/^[A-Z].*\.$/)
  }
})

test('a code with a status says with which headers, so that a passing refusal has a time and 401 a challenge', () => {
  for (const { packageName, codes } of registries) {
    for (const [code, { status, headers = {} }] of Object.entries(codes)) {
      const names = Object.keys(headers)
      const label = `${packageName} ${code}`
      expect(names.includes('Retry-After'), label).toBe(status === 503 || status === 429)
      expect(names.includes('WWW-Authenticate'), label).toBe(status === 401)
      expect(names.includes('Allow'), label).toBe(status === 405)
    }
  }
})

test('a passing refusal of the engine has a goodbye, without which an EventSource would not come back', () => {
  const engine = registries.find(({ packageName }) => packageName === '@tidemark/server')
  const rows = Object.entries(engine?.codes ?? {})
  const passing = rows.filter(([, { status }]) => status === 503 || status === 429)
  expect(passing.length).toBeGreaterThan(0)
  expect(rows.filter(([, { bye }]) => bye !== undefined)).toEqual(passing)
})

test('what a request is answered with means the same in every room: a code has one row', () => {
  const answered = registries.flatMap(({ packageName, codes }) =>
    Object.entries(codes)
      .filter(([, { status }]) => status !== undefined)
      .map(([code]) => ({ code, packageName })),
  )
  const seen = new Set<string>()
  expect(answered.filter(({ code }) => seen.size === seen.add(code).size)).toEqual([])
})

test('the reference has the status and the headers of a code', () => {
  expect(documented).toMatch(
    /\| `UNAUTHENTICATED` \| [^|]+ \| 401 \| `WWW-Authenticate: Bearer` \|/,
  )
  expect(documented).toMatch(/\| `FULL` \| [^|]+ \| 503 \| `Retry-After` \|/)
})
