// The lock file installs everywhere, and names no registry.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { completeLock, findForgotten } from '../lock-file.ts'
import type { LockFile } from '../lock-file.ts'
import { rootFolder } from '../read-rooms.ts'

const text = readFileSync(join(rootFolder, 'package-lock.json'), 'utf8')

test('the lock file names the builds for every platform (else: npm run lock)', () => {
  expect(findForgotten(JSON.parse(text) as LockFile)).toEqual({})
})

test('the lock file works with whatever registry npm is set to', () => {
  expect(text).not.toMatch(/"resolved": "https?:/)
})

const lock: LockFile = {
  packages: {
    'node_modules/tool': {
      version: '1.0.0',
      dev: true,
      optionalDependencies: {
        '@tool/linux-x64-gnu': '1.0.0',
        '@tool/linux-arm-musleabihf': '1.0.0',
      },
    },
    'node_modules/tool/node_modules/@tool/linux-x64-gnu': { version: '1.0.0' },
  },
}

test('a forgotten build is added with the platform its name says', () => {
  expect(findForgotten(lock)).toEqual({
    'node_modules/@tool/linux-arm-musleabihf': {
      version: '1.0.0',
      cpu: ['arm'],
      os: ['linux'],
      libc: ['musl'],
      dev: true,
      optional: true,
    },
  })
  expect(findForgotten(completeLock(lock))).toEqual({})
})
