// Files below Linux's /proc, which may be gone by the time they are read.

import { readFileSync, readdirSync } from 'node:fs'

/** The text of `/proc/<path>`. Empty for a process that has ended, and where there is no /proc. */
export function readProc(path: string): string {
  return readOr('', () => readFileSync(`/proc/${path}`, 'utf8'))
}

/** The names in `/proc/<path>`. None for a process that has ended, and where there is no /proc. */
export function listProc(path: string): readonly string[] {
  return readOr([], () => readdirSync(`/proc/${path}`))
}

/** The answer of `read`, or `other` when it throws. */
export function readOr<Value>(other: Value, read: () => Value): Value {
  try {
    return read()
  } catch {
    return other
  }
}
