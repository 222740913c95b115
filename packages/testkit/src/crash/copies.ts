// Copies of data directories: taken while a hub is stopped or runs, and put in place as an operator would.

import { execFile } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cleanEnvironment, program } from '../hub-process.ts'
import type { SeededRandom } from '../seeded-random.ts'

/** A copy that nobody writes to. */
export interface Copy {
  /** A data directory, or the file of a backup. */
  readonly path: string
  readonly isFile: boolean
}

/** Of a directory that no hub runs on. */
export function copyStopped(data: string, path: string): Copy {
  cpSync(data, path, { recursive: true })
  return { path, isFile: false }
}

/** Of a directory that hubs are writing to. */
export async function backUpRunning(data: string, path: string): Promise<Copy> {
  await runTidemark(['backup', path, '--data', data])
  return { path, isFile: true }
}

/** Puts a copy where no log is. */
export async function placeCopy(copy: Copy, data: string, random: SeededRandom): Promise<void> {
  if (random.next() < 0.5) {
    await runTidemark(['restore', copy.path, '--data', data])
  } else if (copy.isFile) {
    mkdirSync(data)
    copyFileSync(copy.path, join(data, 'data.mdb'))
  } else {
    cpSync(copy.path, data, { recursive: true })
  }
}

/** Puts a copy in the place of a log that no hub runs on, and the old log elsewhere. */
export async function replaceLog(
  copy: Copy,
  { data, grave }: { readonly data: string; readonly grave: string },
  random: SeededRandom,
): Promise<void> {
  if (random.next() < 0.5) {
    renameSync(data, grave)
    await placeCopy(copy, data, random)
    return
  }
  await runTidemark(['restore', copy.path, '--data', data, '--replace'])
  const aside = readdirSync(data).find((name) => name.startsWith('before-restore-'))
  if (aside === undefined) throw new Error(`"tidemark restore" left no old log in ${data}.`)
  renameSync(join(data, aside), grave)
}

/** Rejects with what it has written when it fails. */
async function runTidemark(args: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [program, ...args], { env: cleanEnvironment() })
}
