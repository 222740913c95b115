// Builds a program of all C files of a folder.

import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../tools/run-step.ts'

/** The program to build. */
interface CProgram {
  readonly name: string
  /** The folder of its files. */
  readonly sources: string
  /** Where the program goes; made when it does not exist. */
  readonly directory: string
}

/**
 * Builds it and returns its path.
 * @throws Error with the compiler's words
 */
export async function buildC({ name, sources, directory }: CProgram): Promise<string> {
  mkdirSync(directory, { recursive: true })
  const program = join(directory, name)
  const files = readdirSync(sources).filter((file) => file.endsWith('.c'))
  const paths = files.map((file) => join(sources, file))
  const { code, output } = await run('cc', ['-O2', '-Wall', '-o', program, ...paths])
  if (code === 127) {
    throw new Error(`${name} needs a C compiler as \`cc\`; apt-get install build-essential.`)
  }
  if (code !== 0) throw new Error(`${name} cannot be built:\n${output}`)
  return program
}
