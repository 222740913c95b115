// All of standard input, up to a bound.

import process from 'node:process'
import { CliError } from './errors.ts'
import { remark } from './output.ts'

export interface InputBounds {
  /** For the line that a person at a terminal sees: `the event`. */
  readonly what: string
  readonly bytesMax: number
  /** The error for more. */
  readonly tooLarge: () => CliError
}

/** @throws CliError `INPUT_FAILED`, and that of `tooLarge` */
export async function readAllInput({ what, bytesMax, tooLarge }: InputBounds): Promise<Buffer> {
  if (process.stdin.isTTY) remark(`reading ${what} from the terminal; Ctrl-D ends it.`)
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > bytesMax) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (cause) {
    if (cause instanceof CliError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError('INPUT_FAILED', `Standard input cannot be read: ${reason}.`, { cause })
  }
  return Buffer.concat(chunks)
}
