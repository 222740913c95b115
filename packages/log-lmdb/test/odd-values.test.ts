// The functions of the room, handed what their signatures do not allow: the coded error, and no
// directory is made.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expectedOutcomes, tryOddValues, withThrowing } from '@tidemark/testkit'
import type { OddCase } from '@tidemark/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as room from '../src/index.ts'
import { makeDirectory, removeDirectory } from './lmdb-harness.ts'

const { openLmdbLog, backUpLog, checkLog, repairClock, restoreLog } = room

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
  place: option('place'),
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

/** Good paths of nothing: what is taken is refused because nothing is there. */
const nothing = (): string => join(parent, 'nothing')

type Upkeep = (options: never) => Promise<unknown>
const upkeep: readonly (readonly [string, Upkeep, readonly string[]])[] = [
  ['backUpLog', backUpLog, ['directory', 'target']],
  ['restoreLog', restoreLog, ['backup', 'directory']],
  ['checkLog', checkLog, ['path']],
  ['repairClock', (options) => repairClock(nothing(), options), []],
]

test.each(upkeep)('%s is refused odd options', async (_name, call, paths) => {
  const good = Object.fromEntries(paths.map((path) => [path, nothing()]))
  const odd = (name: string): OddCase => ({
    call: (value) => call({ ...good, [name]: value } as never),
    code: 'OPTION_INVALID',
  })
  const whole: OddCase = { call: (value) => call(value as never), code: 'OPTION_INVALID' }
  const isOptional = paths.length === 0
  if (!isOptional) expect(await tryOddValues(whole, 'LogError')).toEqual(expectedOutcomes(whole))
  for (const name of [...paths, 'clock']) {
    expect(await tryOddValues(odd(name), 'LogError')).toEqual(expectedOutcomes(odd(name)))
  }
  for (const name of [...paths, 'clock', 'onProgress']) {
    await expect(call(withThrowing(good, name) as never)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
  }
})

test('repairClock is refused odd directories', async () => {
  const odd: OddCase = { call: (value) => repairClock(value as never), code: 'OPTION_INVALID' }
  expect(await tryOddValues(odd, 'LogError')).toEqual(expectedOutcomes(odd))
})

test('every function that the room exports is among them', () => {
  const functions = Object.entries(room)
    .filter(([, value]) => typeof value === 'function')
    .map(([name]) => name)
  expect(functions.toSorted()).toEqual(['openLmdbLog', ...upkeep.map(([name]) => name)].toSorted())
})
