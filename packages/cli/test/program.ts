// The real program as a child process, with what it printed and how it ended.

import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

/** The built program. */
const mainPath: string = new URL('../dist/main.js', import.meta.url).pathname

/** How a process ended. */
export interface Ending {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A running program. */
export interface Program {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Ending>
  /** Resolves with the match as soon as the output so far has it; rejects when the program ends without. */
  waitFor(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray>
}

const running = new Set<ChildProcessWithoutNullStreams>()
const directories: string[] = []

afterEach(async () => {
  await Promise.all([...running].map((child) => kill(child)))
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

/** A directory that is removed after the test. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-cli-'))
  directories.push(directory)
  return directory
}

/** Starts the program; its working directory is a fresh one unless told otherwise. */
export function start(
  args: readonly string[],
  options: { readonly directory?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Program {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TIDEMARK_'))
  const child = spawn(process.execPath, [mainPath, ...args], {
    cwd: options.directory ?? makeDirectory(),
    env: { ...Object.fromEntries(inherited), ...options.env },
  })
  running.add(child)
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  // A program that ends before it has read its input is part of some tests.
  child.stdin.on('error', () => undefined)
  const ended = once(child, 'close').then(([code]: (number | null)[]) => {
    running.delete(child)
    return { code: code ?? null, ...output }
  })
  return {
    child,
    ended,
    waitFor: (stream, pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(output[stream])
          if (match !== null) resolve(match)
        }
        child[stream].on('data', look)
        void ended.then((ending) =>
          reject(
            new Error(`The program ended without ${String(pattern)}: ${JSON.stringify(ending)}`),
          ),
        )
        look()
      }),
  }
}

/** Runs the program to its end, with `input` on its standard input. */
export function run(
  args: readonly string[],
  options: {
    readonly input?: string | Uint8Array
    readonly env?: Readonly<Record<string, string>>
  } = {},
): Promise<Ending> {
  const { child, ended } = start(args, { env: options.env ?? {} })
  child.stdin.end(options.input ?? '')
  return ended
}

/** Kills without a chance to tidy up. */
export async function kill(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

/** A hub of its own process on a data directory. */
export interface HubProcess extends Program {
  readonly url: string
  /** For the programs that talk to it. */
  readonly env: Readonly<Record<string, string>>
}

/** Starts `tidemark serve` and waits until it listens. */
export async function startHub(
  options: {
    readonly directory?: string
    readonly port?: string
    readonly args?: readonly string[]
  } = {},
): Promise<HubProcess> {
  const directory = options.directory ?? makeDirectory()
  const { port = '0', args = [] } = options
  const program = start(['serve', '--port', port, '--data', './events', ...args], { directory })
  const [, url = ''] = await program.waitFor('stdout', /page: (http:\/\/[^/]+)\//)
  return { ...program, url, env: { TIDEMARK_URL: url } }
}
