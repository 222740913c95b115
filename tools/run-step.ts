// Runs a command of the test run: live on the terminal, or kept and shown in full when it fails.

import { spawn } from 'node:child_process'
import { rootFolder } from './read-rooms.ts'

/** How a command ended. */
export interface Outcome {
  readonly code: number
  /** Its output, both streams in order of arrival; empty when it ran live. */
  readonly output: string
}

/** How to run a command. */
export interface RunOptions {
  /** Shows the output as it comes in place of keeping it. Default false. */
  readonly live?: boolean
  /** Default: the workspace's root. */
  readonly cwd?: string
  /** A command that takes longer is killed. Default: none is. Milliseconds. */
  readonly timeoutMs?: number
}

/** Runs a command to its end; a command that cannot be started ends with 127. */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const child = spawn(command, args, {
      cwd: options.cwd ?? rootFolder,
      stdio: options.live === true ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 0,
      killSignal: 'SIGKILL',
    })
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', (error) => resolve({ code: 127, output: `${command}: ${error.message}\n` }))
    child.on('close', (code) => {
      resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() })
    })
  })
}
