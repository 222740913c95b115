// Rules for every row of the settings, whichever is added next: examples, defaults, ranges, names,
// units, secrets.

import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { checkSettings } from '../src/config/check-config.ts'
import { unitOf, writeValue } from '../src/config/describe-kind.ts'
import { explainSetting } from '../src/config/explain-config.ts'
import { describeFault } from '../src/config/faults.ts'
import { requireConfig } from '../src/config/load-config.ts'
import { planValue } from '../src/config/value-schema.ts'
import type { ListKind, ScalarKind, Setting } from '../src/config/setting.ts'
import { settings } from '../src/config/settings.ts'
import { configOptions, explainConfig, loadConfig, startHub } from '../src/index.ts'
import type { ConfigSources } from '../src/index.ts'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-settings-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const withKey = { 'auth-secret': 'a secret of 32 bytes or a few more' }

/** Settings that cannot be given alone, with what they need. */
const companions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'tls.cert': { 'tls-key': 'key.pem' },
  'tls.key': { 'tls-cert': 'cert.pem' },
  'tls.hsts': { tls: 'self-signed' },
  'tls.redirectPort': { tls: 'self-signed' },
  'auth.jwks': { 'auth-issuer': 'https://login.example.org/' },
  'auth.issuer': { 'auth-secret': '@secret' },
  'auth.audience': { 'auth-secret': '@secret' },
  'auth.algorithms': { 'auth-public-key': 'issuer.pem' },
  'auth.claims': { 'auth-secret': '@secret' },
  'auth.roles': { 'auth-secret': '@secret', 'auth-claims': 'permissions=role' },
  'auth.clockTolerance': withKey,
  'auth.sources': { 'auth-secret': '@secret' },
  'auth.cookie': { 'auth-secret': '@secret' },
  'auth.withoutClaim': { 'auth-secret': '@secret' },
  'auth.resource': { 'auth-secret': '@secret' },
  'cookie.secure': withKey,
  'cookie.sameSite': withKey,
  'cookie.domain': withKey,
  'cookie.path': withKey,
  'cookie.maxAge': withKey,
  'revocation.claims': withKey,
  'revocation.tokenLife': withKey,
  'revocation.ticketLife': withKey,
  'limits.streamsWindow': { 'limits-streams-per-address': '10' },
  'limits.publishesWindow': { 'limits-publishes-per-user': '10' },
  'addresses.proxyHeader': { 'addresses-trust-proxy': 'loopback' },
  'cors.credentials': { 'auth-secret': '@secret', 'cors-origins': 'https://app.example.org' },
}

const scalars = settings.flatMap((row) => {
  const option = configOptions.find(({ path }) => path.join('.') === row.name)
  return option === undefined || row.kind.kind === 'list'
    ? []
    : [{ row, option, kind: row.kind, name: row.name }]
})

function sources(part: Partial<ConfigSources> = {}): ConfigSources {
  return { flags: {}, env: {}, directory, ...part }
}

/** The value in force of one setting, and where it is from. */
function explain(name: string, part: Partial<ConfigSources>): { value: unknown; source: string } {
  const { flags, ...rest } = part
  const found = explainConfig(sources({ ...rest, flags: { ...companions[name], ...flags } })).find(
    (each) => each.name === name,
  )
  return { value: found?.value, source: found?.origin.kind ?? 'nothing' }
}

async function writeTree(row: Setting, value: unknown): Promise<string> {
  const file = join(directory, `${row.name}.json`)
  const [top = '', inner] = row.path
  await writeFile(file, JSON.stringify({ [top]: inner === undefined ? value : { [inner]: value } }))
  return file
}

/** The refusal of `action`. */
function refusal(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'CONFIG_INVALID')
      return error.message
    throw error
  }
  return 'not refused'
}

describe.each(scalars)('$name', ({ row, option, kind, name }) => {
  test('its example means the same in the file, as a variable and as a flag, and is not the default', async () => {
    const file = await writeTree(row, row.example)
    const text = writeValue(row.example)
    const inFile = explain(name, { file })
    expect(inFile).toEqual({ value: inFile.value, source: 'file' })
    expect(explain(name, { env: { [option.env]: text } })).toEqual({
      ...inFile,
      source: 'variable',
    })
    expect(explain(name, { flags: { [option.flag]: text } })).toEqual({ ...inFile, source: 'flag' })
    const initial = explainConfig(sources()).find((each) => each.name === name)
    expect(initial?.origin).toEqual({ kind: 'default' })
    expect(inFile.value).not.toEqual(initial?.value)
  })

  test('its default is in range, also as text and once more', () => {
    const schema = planValue(kind, row.default)
    const first = schema.safeParse(row.default)
    expect(first).toMatchObject({ success: true })
    expect(schema.safeParse(writeValue(row.default))).toEqual(first)
    if (first.data === undefined) return
    expect(schema.safeParse(first.data)).toEqual(first)
  })

  test('the ends of its range are taken, and what is beyond is refused', () => {
    const number = kind.kind === 'word' ? kind.or : kind
    if (number.kind !== 'duration' && number.kind !== 'bytes' && number.kind !== 'count') {
      expect(unitOf(kind)).toBeUndefined()
      return
    }
    const isTaken = (value: unknown): boolean =>
      planValue(kind, row.default).safeParse(value).success
    const { from, to } = number
    for (const value of [from, to]) expect([value, isTaken(value)]).toEqual([value, true])
    for (const value of [from - 1, to + 1, -from - 1, Number.NaN, Infinity]) {
      expect([value, isTaken(value)]).toEqual([value, false])
    }
    const isWhole = number.kind !== 'count' || number.isWhole
    expect(isTaken(from + 0.5)).toBe(!isWhole)
  })

  test('whatever is refused is refused with its place, its source and its units', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom('-1', '0x1', '1e9', '99999d')), (text) => {
        if (planValue(kind, row.default).safeParse(text).success) return
        const message = refusal(() =>
          loadConfig(sources({ flags: { ...companions[name], [option.flag]: text } })),
        )
        expect(message).toContain(`${name} must be `)
        expect(message).toContain(` from --${option.flag}`)
        const unit = unitOf(kind)
        if (unit !== undefined) expect(message).toMatch(new RegExp(wordsOf(unit)))
      }),
      // Of each of some seventy settings.
      { numRuns: 30 },
    )
  })

  test('one wrong letter in its flag or variable is told with the right name', () => {
    const known = new Set(configOptions.map(({ flag }) => flag))
    for (let at = 0; at < option.flag.length; at++) {
      const typed = `${option.flag.slice(0, at)}x${option.flag.slice(at + 1)}`
      if (known.has(typed)) continue
      expect(refusal(() => loadConfig(sources({ flags: { [typed]: '1' } })))).toContain(
        `there is no flag --${typed}; did you mean ${option.flag}?`,
      )
      const variable = `TIDEMARK_${typed.replaceAll('-', '_').toUpperCase()}`
      expect(refusal(() => loadConfig(sources({ env: { [variable]: '1' } })))).toContain(
        `there is no variable ${variable}; did you mean ${option.env}?`,
      )
    }
  })
})

/** How the units are said in messages. */
function wordsOf(unit: string): string {
  if (unit === 'ms') return String.raw`\(units: ms, s, m, h, d; whole ms\)`
  return unit === 'bytes' ? String.raw`\(units: B, .*KiB` : String.raw`\(counted in ${unit}\)`
}

/** Members that cannot be given beside `jwks`. */
const rivals = ['publicKey', 'secret']

/** A list with the paths in it made absolute. */
function atHome(value: unknown): unknown {
  const text = JSON.stringify(value).replaceAll(/"(\w+\.pem)"/g, `"${directory}/$1"`)
  return JSON.parse(text)
}

/** A list as it is shown. */
function hideSecrets({ members }: ListKind, list: unknown): unknown {
  const text = JSON.stringify(list, (name, value: unknown) =>
    members[name]?.isSecret === true ? '(set, not shown)' : value,
  )
  return JSON.parse(text)
}

const lists = settings.flatMap((row) =>
  row.kind.kind === 'list' ? [{ row, kind: row.kind, name: row.name }] : [],
)

describe.each(lists)('$name', ({ row, kind, name }) => {
  test('its example and that of its messages are taken, and stay what they are', async () => {
    const file = await writeTree(row, row.example)
    expect(explain(name, { file })).toEqual({
      value: hideSecrets(kind, atHome(row.example)),
      source: 'file',
    })
    const entry: unknown = JSON.parse(kind.entry)
    const other = await writeTree(row, [entry])
    expect(explain(name, { file: other })).toEqual({
      value: hideSecrets(kind, [entry]),
      source: 'file',
    })
  })

  test('the examples of its members make an entry', async () => {
    const entry = Object.fromEntries(
      Object.entries(kind.members)
        .filter(([member]) => !('jwks' in kind.members && rivals.includes(member)))
        .map(([member, { example }]) => [member, example]),
    )
    const file = await writeTree(row, [entry])
    expect(explain(name, { file })).toMatchObject({ source: 'file' })
  })
})

/**
 * Numbers and the members of lists that are, each with its place in the file. Processes are started
 * elsewhere.
 */
const ranges = settings.flatMap(({ name, path, kind }): readonly [string, Range, Plant][] => {
  const plant: Plant = (value) => plantAt(path, value)
  if (kind.kind !== 'list') return name === 'workers' ? [] : listRange(name, kind, plant)
  const members = Object.entries(kind.members)
  // Numbers that a rule cannot do without stand beside the one that is tried.
  const needed = members.filter(([, member]) => member.isRequired && 'from' in member.kind)
  const others = Object.fromEntries(needed.map(([member, { example }]) => [member, example]))
  return members.flatMap(([member, { kind: own }]) =>
    listRange(`${name}.${member}`, own, (value) =>
      plantAt(path, [{ ...others, pattern: 'a/**', [member]: value }]),
    ),
  )
})

type Plant = (value: number) => Readonly<Record<string, unknown>>

interface Range {
  readonly from: number
  readonly to: number
}

function listRange(
  name: string,
  kind: ScalarKind,
  plant: Plant,
): readonly [string, Range, Plant][] {
  const number = kind.kind === 'word' ? kind.or : kind
  const isPort = name === 'port' || name === 'tls.redirectPort'
  return 'from' in number && !isPort ? [[name, number, plant]] : []
}

function plantAt([top = '', inner]: readonly string[], value: unknown): Record<string, unknown> {
  return { [top]: inner === undefined ? value : { [inner]: value } }
}

test.each(ranges)(
  'a hub starts with both ends of the range of %s, so no part of it has a narrower one of its own',
  async (name, { from, to }, plant) => {
    for (const value of [from, to]) {
      const file = join(directory, 'end.json')
      // The largest event must fit into a request, and the smallest request holds the smallest event.
      const companion =
        name === 'maxEventBytes'
          ? { maxRequestBytes: '256MiB' }
          : name === 'maxRequestBytes'
            ? { maxEventBytes: 1 }
            : {}
      await writeFile(
        file,
        JSON.stringify({ ...companion, ...plant(value), port: 0, data: 'memory:' }),
      )
      const config = loadConfig(sources({ file, flags: companions[name] ?? {} }))
      const hub = await startHub(config, { onLine: () => undefined })
      await hub.close()
    }
  },
)

test('as many rules of retention as the file may have start a hub, which has one of its own', async () => {
  const file = join(directory, 'rules.json')
  const kind = settings.find(({ name }) => name === 'retention.rules')?.kind
  const max = kind?.kind === 'list' ? kind.max : 0
  const rules = (count: number): string =>
    JSON.stringify({
      port: 0,
      data: 'memory:',
      retention: { rules: Array.from({ length: count }, (_, i) => ({ pattern: `a${i}` })) },
    })
  await writeFile(file, rules(max))
  const hub = await startHub(loadConfig(sources({ file })), { onLine: () => undefined })
  await hub.close()
  await writeFile(file, rules(max + 1))
  expect(refusal(() => loadConfig(sources({ file })))).toContain(`a list of at most ${max} rules`)
})

test('a rule may name the longest topic that there is', async () => {
  const file = join(directory, 'long.json')
  await writeFile(file, JSON.stringify({ retention: { rules: [{ pattern: 'x'.repeat(256) }] } }))
  expect(loadConfig(sources({ file })).retention.rules).toHaveLength(1)
})

test('one letter too many in a name of the file is told with the right name', async () => {
  for (const row of settings) {
    const name = row.path.at(-1) ?? ''
    const typed = `${name}_`
    const [top = ''] = row.path
    const tree = row.path.length === 1 ? { [typed]: 1 } : { [top]: { [typed]: 1 } }
    const file = join(directory, 'typed.json')
    await writeFile(file, JSON.stringify(tree))
    expect(refusal(() => loadConfig(sources({ file })))).toMatch(
      new RegExp(`there is no setting \\S+; did you mean ${name}\\?`),
    )
  }
})

/** Trees with some right names and any values. */
const anyTree = fc.dictionary(
  fc.oneof(
    fc.constantFrom(...new Set(settings.flatMap(({ path }) => path)), '__proto__', 'constructor'),
    fc.string(),
  ),
  fc.oneof(
    fc.jsonValue(),
    fc.dictionary(
      fc.constantFrom(...settings.flatMap(({ path }) => path.slice(1))),
      fc.jsonValue(),
    ),
    fc.constantFrom(...settings.flatMap(({ example, default: initial }) => [example, initial])),
  ),
)

test('a file of anything is taken, or refused with a code; what is taken is taken again as it is', async () => {
  await fc.assert(
    fc.asyncProperty(anyTree, async (tree) => {
      const file = join(directory, 'any.json')
      await writeFile(file, JSON.stringify(tree))
      let config
      try {
        config = loadConfig(sources({ file }))
      } catch (error) {
        expect(error).toMatchObject({ name: 'HubError', code: 'CONFIG_INVALID' })
        return
      }
      expect(requireConfig(config)).toEqual(config)
    }),
    { numRuns: 250 },
  )
})

test('a section that is no object is told although a flag gives a part of it', async () => {
  const file = join(directory, 'section.json')
  await writeFile(file, '{"flush":7}')
  expect(refusal(() => loadConfig(sources({ file, flags: { 'flush-events': '10' } })))).toContain(
    'flush must be an object such as {"window": "10ms"}; got 7',
  )
})

test('a secret is shown neither in a message nor among the settings in force', () => {
  const kind: ScalarKind = { kind: 'choice', of: ['a', 'b'] }
  const row: Setting = {
    name: 'password',
    path: ['password'],
    kind,
    default: 'a',
    example: 'b',
    help: 'Not to be seen.',
    isSecret: true,
  }
  const origin = { kind: 'variable', name: 'TIDEMARK_PASSWORD' } as const
  const { faults = [] } = checkSettings({ password: 'hunter2' }, [row])
  const said = faults.map((fault) => describeFault(fault, new Map([['password', origin]])))
  expect(said).toEqual([
    'password must be a or b; got a secret that is not shown from TIDEMARK_PASSWORD',
  ])
  expect(JSON.stringify(explainSetting(row, 'hunter2', origin))).not.toContain('hunter2')
})

test.each(
  scalars.flatMap(({ name, option, kind }) =>
    kind.kind === 'word' ? [[name, option.flag, kind.word] as const] : [],
  ),
)('%s keeps its word in a configuration that is checked again', (name, flag, word) => {
  const config = loadConfig(sources({ flags: { ...companions[name], [flag]: word } }))
  expect(requireConfig(config)).toEqual(config)
})
