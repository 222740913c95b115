// The exports of the room, handed what their signatures do not allow: the coded error, never a bare
// TypeError, and no hub is started.

import { expectedOutcomes, oddValues, tryOddValues, withThrowing } from '@tidemark/testkit'
import type { OddCase } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import * as room from '../src/index.ts'
import { makeDirectory } from './support/test-hub.ts'

const { loadConfig, startHub } = room

/** Objects without members, as sections of a configuration may be. */
const empty = ['an object', 'an object without a prototype', 'a date']
const objects = [...empty, 'a text object']
const lists = ['an array', 'an array of symbols']
const everything = Object.keys(oddValues)

const sources = { flags: {}, env: {}, directory: '/nowhere' }
const source = (name: string, takes: readonly string[] = []): OddCase => ({
  call: (value) => loadConfig({ ...sources, [name]: value }),
  code: 'CONFIG_INVALID',
  takes,
})

const good = (): room.HubConfig =>
  loadConfig({ ...sources, flags: { port: '0', data: 'memory:', host: '127.0.0.1' } })
const start = async (config: unknown, options?: unknown): Promise<void> => {
  const hub = await startHub(config as never, options as never)
  await hub.close()
}
const setting = (name: string, takes: readonly string[] = []): OddCase => ({
  call: (value) => start({ ...good(), [name]: value }),
  code: 'CONFIG_INVALID',
  takes,
})

const cases: Readonly<Record<string, OddCase>> = {
  loadConfig: { call: (value) => loadConfig(value as never), code: 'CONFIG_INVALID' },
  'loadConfig: flags': source('flags', [...empty, 'an array']),
  'loadConfig: env': source('env', [...objects, ...lists]),
  'loadConfig: directory': source('directory'),
  'loadConfig: file': source('file'),
  'loadConfig: a flag': {
    call: (value) => loadConfig({ ...sources, flags: { port: value as never } }),
    code: 'CONFIG_INVALID',
    takes: ['a number'],
  },
  findDataDirectory: {
    call: (value) => room.findDataDirectory(value as never),
    code: 'CONFIG_INVALID',
  },
  explainConfig: { call: (value) => room.explainConfig(value as never), code: 'CONFIG_INVALID' },
  // A text that is no duration and no size has none.
  parseDuration: {
    call: (value) => room.parseDuration(value as never),
    code: '',
    takes: everything,
  },
  parseSize: { call: (value) => room.parseSize(value as never), code: '', takes: everything },
  decodeToken: {
    call: (value) => room.decodeToken(value as never),
    code: '',
    takes: everything,
  },
  explainHub: { call: (value) => room.explainHub(value as never, {}), code: 'CONFIG_INVALID' },
  mintHubToken: {
    call: (value) => room.mintHubToken(value as never, {}),
    code: 'CONFIG_INVALID',
  },
  startHub: { call: (value) => start(value), code: 'CONFIG_INVALID' },
  'startHub: port': {
    call: (value) => start({ ...good(), port: value === 7 ? 0 : value }),
    code: 'CONFIG_INVALID',
    takes: ['a number'],
  },
  'startHub: data': setting('data'),
  'startHub: host': setting('host'),
  'startHub: heartbeat': setting('heartbeat'),
  'startHub: workers': setting('workers'),
  'startHub: maxSessions': setting('maxSessions', ['a number']),
  'startHub: insecure': setting('insecure', ['true']),
  'startHub: flush': setting('flush', empty),
  'startHub: delivery': setting('delivery', empty),
  'startHub: retention': setting('retention', empty),
  'startHub: auth': setting('auth', empty),
  'startHub: anonymous': setting('anonymous', empty),
  'startHub: cors': setting('cors', empty),
  'startHub: tls': setting('tls', ['undefined', ...empty]),
  'startHub: options': {
    call: (value) => start(good(), value),
    code: 'CONFIG_INVALID',
    takes: [...objects, ...lists],
  },
  'startHub: onLine': {
    call: (value) => start(good(), { onLine: value }),
    code: 'CONFIG_INVALID',
    takes: ['a function'],
  },
}

test.each(Object.entries(cases))('%s', async (_name, odd) => {
  expect(await tryOddValues(odd, 'HubError')).toEqual(expectedOutcomes(odd))
})

test('every function that the room exports is among them', () => {
  const functions = Object.entries(room)
    .filter(([name, value]) => typeof value === 'function' && name !== 'HubError')
    .map(([name]) => name)
  const tried = new Set(Object.keys(cases).map((name) => name.split(':', 1)[0]))
  // They take nothing.
  for (const name of ['boundYoungGeneration', 'readDescriptorLimit']) tried.add(name)
  // Of the room that owns the data file, and tried there.
  for (const name of ['backUpLog', 'checkLog', 'repairClock', 'restoreLog']) tried.add(name)
  expect(functions.filter((name) => !tried.has(name))).toEqual([])
})

test.each(['flags', 'env', 'directory', 'file'])('%s that throw when they are read', (name) => {
  expect(() => loadConfig(withThrowing(sources, name))).toThrow(
    expect.objectContaining({ name: 'HubError', code: 'CONFIG_INVALID' }),
  )
})

test('a configuration that is checked twice stays as it is', async () => {
  const directory = await makeDirectory()
  const flags = { 'flush-window': '5ms', 'delivery-events-per-second-max': '7', workers: '2' }
  const config = loadConfig({ flags, env: {}, directory })
  expect(room.loadConfig({ flags, env: {}, directory })).toEqual(config)
  await expect(startHub({ ...config, port: -1 })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/port must be .*got -1/) as string,
  })
})
