// Go programs that take part, built from a module of their own with pinned versions and checksums.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Prepared } from '../server.ts'

const run = promisify(execFile)
const outputFolder = fileURLToPath(new URL('../../../artifacts/peers/', import.meta.url))
// A first build on a slow machine downloads and compiles some hundred packages.
const buildMsMax = 10 * 60_000

/** The program to build. */
export interface GoProgram {
  /** The folder beside this file with its `go.mod`; also the program's name. */
  readonly name: string
  /** The package to build: `.` or an import path that the module requires. */
  readonly target: string
  /** The module whose version is the program's. */
  readonly module: string
}

/** A program that was built, or why not. */
type GoBuild = { readonly path: string; readonly version: string } | { readonly missing: string }

const builds = new Map<string, Promise<GoBuild>>()

/** Builds it once per run, into a folder git ignores. Never rejects. */
function buildGo(program: GoProgram): Promise<GoBuild> {
  let build = builds.get(program.name)
  if (build === undefined) {
    build = compile(program).catch((error: unknown) => ({ missing: explain(program, error) }))
    builds.set(program.name, build)
  }
  return build
}

/** For a `PeerServer` that is a Go program: its version, or what is missing. */
export async function prepareGo(program: GoProgram, settings: string): Promise<Prepared> {
  const build = await buildGo(program)
  return 'missing' in build ? build : { version: build.version, settings }
}

/**
 * The path of the program, built.
 * @throws Error with what is missing
 */
export async function requireGo(program: GoProgram): Promise<string> {
  const build = await buildGo(program)
  if ('missing' in build) throw new Error(`${program.name} is missing: ${build.missing}`)
  return build.path
}

async function compile({ name, target, module }: GoProgram): Promise<GoBuild> {
  const path = outputFolder + name
  const cwd = fileURLToPath(new URL(`${name}/`, import.meta.url))
  await run('go', ['build', '-o', path, target], { cwd, timeout: buildMsMax })
  const { stdout } = await run('go', ['version', '-m', path])
  const [, toolchain = ''] = /: go(\S+)/.exec(stdout) ?? []
  const version = stdout
    .split('\n')
    .map((line) => line.trim().split('\t'))
    .find((fields) => fields[1] === module)?.[2]
  return { path, version: `${version ?? 'of unknown version'}, Go ${toolchain}` }
}

function explain({ name }: GoProgram, error: unknown): string {
  const { code, stderr = '' } = error as { code?: unknown; stderr?: string }
  if (code === 'ENOENT') return `${name}: the Go toolchain, 1.25 or newer; see https://go.dev/dl/`
  const reason = stderr.trim().split('\n').at(-1) || String(error)
  return `${name}: it could not be built with Go: ${reason}`
}
