// Builds a program of one C file.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../tools/run-step.ts'

/** What to build. */
interface CProgram {
  readonly name: string
  readonly source: string
  /** Where the program goes; made when it does not exist. */
  readonly directory: string
}

/**
 * Builds it and returns its path.
 * @throws Error with the compiler's words
 */
export async function buildC({ name, source, directory }: CProgram): Promise<string> {
  mkdirSync(directory, { recursive: true })
  const program = join(directory, name)
  const { code, output } = await run('cc', ['-O2', '-Wall', '-o', program, source])
  if (code === 127) {
    throw new Error(`${name} needs a C compiler as \`cc\`; apt-get install build-essential.`)
  }
  if (code !== 0) throw new Error(`${name} cannot be built:\n${output}`)
  return program
}
