// `@tidemark/server/fetch` loads nothing that only Node has.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const source = new URL('../src/', import.meta.url)

/** Every file that a file loads when it runs, and every other module. */
function collectImports(path: string, found: Set<string> = new Set()): Set<string> {
  const at = new URL(path, source)
  const text = readFileSync(at, 'utf8')
  for (const [, name = ''] of text.matchAll(/^(?:import|export) (?!type )[^']*from '([^']+)'/gm)) {
    const target = name.startsWith('.') ? new URL(name, at).href.slice(source.href.length) : name
    if (found.has(target)) continue
    found.add(target)
    if (name.startsWith('.')) collectImports(target, found)
  }
  return found
}

test('the Fetch entry loads no module of Node and nothing of the Node door', () => {
  const loaded = [...collectImports('fetch/index.ts')]
  expect(loaded).toContain('tidemark.ts')
  expect(loaded.filter((name) => /^node[:/]/.test(name))).toEqual([])
  expect([...collectImports('index.ts')]).toContain('node/subscribe.ts')
})
