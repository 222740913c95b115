// Finds holders of a lock file in the system's lists of locks and processes.

import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isLockHeld } from '../src/lmdb-files/lock-file.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

let base = ''
let path = ''
let proc = ''

beforeEach(async () => {
  base = await makeDirectory()
  path = join(base, 'lock.mdb')
  proc = join(base, 'proc')
  writeFileSync(path, '')
  mkdirSync(proc)
})

afterEach(() => removeDirectory(base))

/** Has process 77 hold a lock on the inode of the lock file, on some device. */
function lock(device: string): void {
  const line = `1: POSIX  ADVISORY  READ 77 ${device}:${statSync(path).ino} 0 0\n`
  writeFileSync(join(proc, 'locks'), `${line}2: FLOCK  ADVISORY  WRITE 78 fe:00:1 0 EOF\n`)
}

function openFile(target: string): void {
  mkdirSync(join(proc, '77', 'fd'), { recursive: true })
  symlinkSync(target, join(proc, '77', 'fd', '12'))
}

function deviceOf(file: string): string {
  const { dev } = statSync(file)
  return [(dev >> 8) & 0xfff, dev & 0xff].map((part) => part.toString(16)).join(':')
}

test('a log on another volume, whose lock file has the same inode number, does not have this one refused as held', () => {
  writeFileSync(join(base, 'other'), '')
  openFile(join(base, 'other'))
  lock('00:63')
  expect(isLockHeld(path, proc)).toBe(false)
})

test('a lock file is held by a lock on its own device', () => {
  lock(deviceOf(path))
  expect(isLockHeld(path, proc)).toBe(true)
})

test('on a layered file system, whose locks name another device, the process that has the file open holds it', () => {
  openFile(path)
  lock('00:63')
  expect(isLockHeld(path, proc)).toBe(true)
})

test('a process that hides what it has open is taken for the holder, unless locks on this device are told', () => {
  lock('00:63')
  expect(isLockHeld(path, proc)).toBe(true)
  const { ino } = statSync(path)
  const other = `1: POSIX  ADVISORY  READ 77 00:63:${ino} 0 0\n2: POSIX  ADVISORY  READ 78 ${deviceOf(path)}:${ino + 1} 0 0\n`
  writeFileSync(join(proc, 'locks'), other)
  expect(isLockHeld(path, proc)).toBe(false)
})

test('an open log holds its lock file for as long as it is open', async () => {
  const directory = join(base, 'data')
  const log = await openAt(directory)
  expect(isLockHeld(join(directory, 'lock.mdb'))).toBe(true)
  await log.close()
  expect(isLockHeld(join(directory, 'lock.mdb'))).toBe(false)
})
