// The codes of docs/PROTOCOL.md are those of the registries, at their statuses.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRegistries } from '../error-reference.ts'
import { rootFolder } from '../read-rooms.ts'

test('the table of codes in the protocol has each code that a request is answered with, at its status', async () => {
  const text = readFileSync(join(rootFolder, 'docs/PROTOCOL.md'), 'utf8')
  const told = [...text.matchAll(/^\| (\d{3}) \| (`.*) \|$/gm)].flatMap(([, status, codes = '']) =>
    [...codes.matchAll(/`([A-Z0-9_]+)`/g)].map(([, code]) => `${status} ${code}`),
  )
  const registries = await readRegistries()
  const known = registries.flatMap(({ codes }) =>
    Object.entries(codes).flatMap(([code, { status }]) =>
      status === undefined ? [] : `${status} ${code}`,
    ),
  )
  expect(told.toSorted()).toEqual([...new Set(known)].toSorted())
  expect(known.length).toBeGreaterThan(80)
})
