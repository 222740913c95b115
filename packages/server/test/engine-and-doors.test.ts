// The walls inside the room: the engine knows sinks and no door, doors know what opens a stream and no
// engine.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

const folder = new URL('../src/', import.meta.url).pathname
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
)

function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(folder, file), 'utf8')
  return [...text.matchAll(/from '(\.[^']+)'/g)].map(([, path = '']) =>
    normalize(join(dirname(file), path)),
  )
}

/** Everything a file reaches, types included. */
function reach(file: string, found: Set<string> = new Set()): ReadonlySet<string> {
  for (const next of importsOf(file)) {
    if (found.has(next)) continue
    found.add(next)
    reach(next, found)
  }
  return found
}

/** Where engine and doors meet: the users' face, and what puts it together. */
const faces = ['tidemark.ts', 'create-tidemark.ts', 'node/node-tidemark.ts']
const isFace = (file: string): boolean =>
  faces.includes(file) || /(^|\/)(index|create-tidemark)\.ts$/.test(file)
const isDoor = (file: string): boolean =>
  !isFace(file) && (/^(node|fetch)\//.test(file) || file === 'request/open-subscription.ts')
const engine = [
  'node-engine.ts',
  'session/session.ts',
  'fan-out/audiences.ts',
  'fan-out/fan-out.ts',
  'catch-up/catch-up.ts',
  'session/topic-changes.ts',
]

test('the files of the engine are there, so that the walls are looked at', () => {
  expect(engine.filter((file) => !files.includes(file))).toEqual([])
})

test('nothing of the engine reaches a door', () => {
  for (const file of engine) {
    const doors = [...reach(file)].filter((found) => isDoor(found) || isFace(found))
    expect(doors, file).toEqual([])
  }
})

test('no door reaches the engine', () => {
  const doors = files.filter(isDoor)
  expect(doors.length).toBeGreaterThan(20)
  for (const file of doors) {
    const found = reach(file)
    expect(
      engine.filter((name) => found.has(name)),
      file,
    ).toEqual([])
  }
})
