// The programs in the guides, as they stand there. Each block of `ts` is run in a process of its own, in
// the order of its page, until it ends by itself. A block of `ts fragment` is a part of a program, and is
// not run.
//
// - A page whose programs name `http://127.0.0.1:7070` gets a hub of its own, with memory of what its earlier
//   programs did. Flags of `tidemark serve` stand in a comment on the page: `<!-- hub: --heartbeat=1s -->`.
// - Lines of the form `// prints: text` say all that the program writes, one line each; `…` stands for
// any text.
//   A program without them may write anything.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { startHubProcess } from '@tidemark/testkit'
import { afterAll, describe, expect, test } from 'vitest'
import { rootFolder } from '../read-rooms.ts'

const documented = 'http://127.0.0.1:7070'

interface Snippet {
  /** Where it begins, for the name of its test. */
  readonly line: number
  readonly code: string
}

interface Page {
  readonly name: string
  readonly flags: readonly string[]
  readonly snippets: readonly Snippet[]
}

function readPage(path: string): Page {
  const text = readFileSync(join(rootFolder, path), 'utf8')
  const flags = /<!-- hub: (.*?) -->/.exec(text)?.[1]?.split(' ') ?? []
  const blocks = text.matchAll(/^```ts\n(.*?)^```$/gms)
  const snippets = [...blocks].map(({ index, 1: code = '' }) => {
    return { line: text.slice(0, index).split('\n').length, code }
  })
  return { name: basename(path), flags, snippets }
}

/** The lines that a program says it prints; undefined: it says nothing of that. */
function readPrinted(code: string): RegExp | undefined {
  const lines = [...code.matchAll(/^\s*\/\/ prints: (.*)$/gm)].map(([, line = '']) => line)
  if (lines.length === 0) return undefined
  const escaped = lines.map((line) =>
    line.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '.*'),
  )
  return new RegExp(`^${escaped.join('\n')}\n$`)
}

interface Ended {
  readonly code: number | null
  readonly printed: string
  readonly complaints: string
}

/** Runs a program to its end. */
async function run(code: string): Promise<Ended> {
  const plain = stripTypeScriptTypes(code)
  // Browsers have it; Node hides it behind a flag.
  const args = [
    '--experimental-eventsource',
    '--no-warnings',
    '--input-type=module',
    '--eval',
    plain,
  ]
  const child = spawn(process.execPath, args, {
    cwd: rootFolder,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
    killSignal: 'SIGKILL',
  })
  let printed = ''
  let complaints = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  const [exitCode] = (await once(child, 'close')) as [number | null]
  return { code: exitCode, printed, complaints }
}

const pages = globSync('docs/guide/*.md', { cwd: rootFolder })
  .toSorted()
  .map(readPage)
  .filter(({ snippets }) => snippets.length > 0)

describe.each(pages)('the programs of $name', ({ flags, snippets }) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-guide-'))
  let starting: ReturnType<typeof startHubProcess> | undefined

  afterAll(async () => {
    await (await starting)?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test.each(snippets)('run as they stand: line $line', async ({ code }) => {
    let program = code
    if (code.includes(documented)) {
      starting ??= startHubProcess({ dataDirectory: join(folder, 'data'), args: flags })
      program = code.replaceAll(documented, (await starting).url)
    }
    const ended = await run(program)
    expect(ended.complaints).toBe('')
    expect(ended.code).toBe(0)
    const printed = readPrinted(code)
    if (printed !== undefined) expect(ended.printed).toMatch(printed)
  })
})

test('a guide with a program is found', () => {
  expect(pages.map(({ name }) => name)).toContain('live-topics.md')
})
