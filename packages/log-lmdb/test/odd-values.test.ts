// The one function of the room, handed what its signature does not allow: the coded error, and no directory is made.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expectedOutcomes, tryOddValues, withThrowing } from '@tidemark/testkit'
import type { OddCase } from '@tidemark/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLmdbLog } from '../src/index.ts'
import { makeDirectory, removeDirectory } from './lmdb-harness.ts'

let parent = ''
let opened = 0

beforeAll(async () => {
  parent = await makeDirectory()
})

afterAll(() => removeDirectory(parent))

/** Opens and closes a log in a directory that is not there yet. */
async function openWith(options: object): Promise<void> {
  opened += 1
  const directory = join(parent, String(opened))
  try {
    const log = await openLmdbLog({ directory, ...options })
    await log.close()
  } catch (error) {
    expect(existsSync(directory)).toBe(false)
    throw error
  }
}

const option = (name: string, takes: readonly string[] = []): OddCase => ({
  call: (value) => openWith({ [name]: value }),
  code: 'OPTION_INVALID',
  takes,
})

const cases: Readonly<Record<string, OddCase>> = {
  options: { call: (value) => openLmdbLog(value as never), code: 'OPTION_INVALID' },
  directory: option('directory'),
  durability: option('durability'),
  clock: option('clock'),
  pollMs: option('pollMs', ['a number']),
  onHandlerError: option('onHandlerError', ['a function']),
  onWarning: option('onWarning', ['a function']),
  retention: {
    call: (value) => openWith({ retention: value }),
    code: 'RETENTION_INVALID',
    takes: [
      'an object',
      'an object without a prototype',
      'a date',
      'a text object',
      'an array',
      'an array of symbols',
    ],
  },
}

test.each(Object.entries(cases))('%s', async (_name, odd) => {
  expect(await tryOddValues(odd, 'LogError')).toEqual(expectedOutcomes(odd))
})

test.each([
  ['a durability with a typing error', { durability: 'fsnyc' }],
  ['a directory with NUL', { directory: 'data\0' }],
  ['no pause between looks', { pollMs: 0 }],
  ['a pause without end', { pollMs: Infinity }],
])('%s is refused, and not taken for another', async (_name, options) => {
  await expect(openWith(options)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
})

test.each(Object.keys(cases).filter((name) => name !== 'options'))(
  'an option that throws when it is read: %s',
  async (name) => {
    const options = withThrowing({ directory: join(parent, 'never') }, name)
    await expect(openLmdbLog(options)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  },
)
