// Starts one of the processes beside this file and hands on its lines.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Child {
  readonly process: ChildProcess
  /** Every line so far, parsed. */
  readonly lines: readonly unknown[]
  readonly errors: readonly string[]
  /** Resolves with the first line that `isWanted`; rejects when the process ends without one. */
  line(isWanted: (line: unknown) => boolean): Promise<unknown>
  /** Resolves with the exit code or the signal's name, after the last line. */
  readonly ended: Promise<number | string>
}

/** @param wrapper a command that runs the process, for example with a limit */
export function startChild(
  file: string,
  args: readonly string[],
  wrapper: readonly string[] = [],
): Child {
  const path = fileURLToPath(new URL(file, import.meta.url))
  // Node 22 and later strip types by themselves.
  const [command = '', ...rest] = [...wrapper, process.execPath, path, ...args]
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
  const lines: unknown[] = []
  const errors: string[] = []
  const waiting = new Set<() => void>()
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text))
  const reader = createInterface({ input: child.stdout })
  reader.on('line', (text) => {
    try {
      lines.push(JSON.parse(text))
    } catch {
      // A line cut off by the kill, or a message of lmdb's.
      errors.push(text)
    }
    for (const wake of waiting) wake()
  })
  const ended = Promise.all([once(child, 'close'), once(reader, 'close')]).then(
    ([[code, signal]]) => {
      for (const wake of waiting) wake()
      return (code ?? signal) as number | string
    },
  )
  return {
    process: child,
    lines,
    errors,
    ended,
    line: (isWanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find((line) => isWanted(line))
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
        void ended.then(() => {
          look()
          reject(new Error(`The process ended without the line.\n${errors.join('')}`))
          return undefined
        })
      }),
  }
}
