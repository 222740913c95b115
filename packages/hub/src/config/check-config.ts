// A tree of settings, from wherever it comes, to a configuration with every default, or to its faults.

import { describeUnit, describeWanted } from './describe-kind.ts'
import type { HubConfig } from './hub-config.ts'
import { isMemory } from './log-choice.ts'
import { readValue } from './read-value.ts'
import type { ListKind, Setting } from './setting.ts'
import { settings } from './settings.ts'
import { formatSize } from './units.ts'

/** A tree of settings before it is checked. */
interface Settings {
  readonly [name: string]: unknown
}

/** What is wrong at one place. */
export type Fault =
  /** There is nothing of this name. */
  | { readonly kind: 'unknown'; readonly path: Path; readonly known: readonly string[] }
  | {
      readonly kind: 'unfit'
      readonly path: Path
      /** `must be true or false`. */
      readonly wanted: string
      /** Undefined where nothing was given. */
      readonly got?: unknown
      /** What is said instead of `got`. */
      readonly shown?: string | undefined
      readonly unit?: string | undefined
    }

type Path = readonly string[]

/** What came of checking. */
export type Checked =
  | { readonly faults: undefined; readonly config: HubConfig }
  | { readonly faults: readonly Fault[] }

/** Names that files have for their editors. */
const editorNames: readonly string[] = ['$schema']

/** Checks a tree, by default against the settings of the hub; each member of it is read once. */
export function checkSettings(given: unknown, rows: readonly Setting[] = settings): Checked {
  if (!isTree(given)) {
    const wanted = 'must be an object such as {"port": 7171}'
    return { faults: [{ kind: 'unfit', path: [], wanted, got: given }] }
  }
  // Sections among them.
  const topNames = [...new Set(rows.map(({ path: [top = ''] }) => top))]
  const faults: Fault[] = findUnknown(given, [], [...topNames, ...editorNames])
  const config: Record<string, unknown> = {}
  for (const name of topNames) {
    const value = given[name]
    const own = rows.filter(({ path }) => path[0] === name)
    const [only] = own
    config[name] =
      only?.path.length === 1 ? readSetting(only, value, faults) : readSection(own, value, faults)
  }
  checkEditorNames(given, faults)
  // What depends on two settings is checked when each of them is sound.
  if (faults.length > 0) return { faults }
  // Each member was read by its row, and the rows are those of `HubConfig`: `settings.ts` does not compile otherwise.
  const checked = config as unknown as HubConfig
  const conflicts = findConflicts(checked)
  return conflicts.length > 0 ? { faults: conflicts } : { faults: undefined, config: checked }
}

function checkEditorNames(given: Settings, faults: Fault[]): void {
  for (const name of editorNames) {
    const got = given[name]
    if (got === undefined || typeof got === 'string') continue
    faults.push({ kind: 'unfit', path: [name], wanted: 'must be a text', got })
  }
}

/** What stands under one name; undefined when all its members go together and none is given. */
function readSection(rows: readonly Setting[], value: unknown, faults: Fault[]): unknown {
  const [section = ''] = rows[0]?.path ?? []
  const given: unknown = value === undefined ? {} : value
  if (!isTree(given)) {
    const wanted = `must be an object such as ${sectionExample(rows)}`
    faults.push({ kind: 'unfit', path: [section], wanted, got: given })
    return undefined
  }
  const names = rows.map(({ path: [, name = ''] }) => name)
  faults.push(...findUnknown(given, [section], names))
  const read = Object.fromEntries(
    rows.map((row) => [row.path[1] ?? '', readSetting(row, given[row.path[1] ?? ''], faults)]),
  )
  const together = rows.filter(({ needs }) => needs !== undefined).map(({ path }) => path[1] ?? '')
  const missing = together.filter((name) => read[name] === '')
  // One that is wrong is there, and its own fault says enough.
  const isSound = together.every((name) => read[name] !== undefined)
  if (isSound && missing.length > 0 && missing.length < together.length) {
    const wanted = `must name both, ${together.join(' and ')}, or neither`
    faults.push({ kind: 'unfit', path: [section], wanted, got: value })
  }
  return missing.length > 0 ? undefined : read
}

/** `{"maxAge": "7d"}`: the first member, and those that it needs. */
function sectionExample(rows: readonly Setting[]): string {
  const [first] = rows
  const shown = rows.filter((row) => row === first || row.path[1] === first?.needs)
  const members = shown.map(({ path, example }) => `"${path[1]}": ${JSON.stringify(example)}`)
  return `{${members.join(', ')}}`
}

/** The value of one setting, or of its default. */
function readSetting(row: Setting, value: unknown, faults: Fault[]): unknown {
  const given = value === undefined ? row.default : value
  if (row.kind.kind === 'list') return readList({ path: row.path, kind: row.kind }, given, faults)
  const reading = readValue(row.kind, given, row.default)
  if (reading.isGood) return reading.value
  const shown = row.isSecret === true ? 'a secret that is not shown' : reading.shown
  const { path } = row
  const unit = describeUnit(row.kind)
  faults.push({ kind: 'unfit', path, wanted: reading.wanted, got: given, shown, unit })
  return undefined
}

/** A list and its place, or that of one of its entries. */
interface ListPlace {
  readonly path: Path
  readonly kind: ListKind
}

function readList({ path, kind }: ListPlace, given: unknown, faults: Fault[]): readonly unknown[] {
  // As an array of its own: one that is handed in may change while it is read.
  const entries: readonly unknown[] | undefined = Array.isArray(given) ? [...given] : undefined
  if (entries !== undefined && entries.length <= (kind.max ?? Infinity)) {
    return entries.map((entry, i) => readEntry({ path: [...path, String(i)], kind }, entry, faults))
  }
  const wanted = `must be ${describeWanted(kind, undefined)}`
  faults.push({ kind: 'unfit', path, wanted, got: given })
  return []
}

function readEntry({ path, kind: list }: ListPlace, given: unknown, faults: Fault[]): unknown {
  const { members, entry } = list
  if (!isTree(given)) {
    faults.push({ kind: 'unfit', path, wanted: `must be an object such as ${entry}`, got: given })
    return undefined
  }
  faults.push(...findUnknown(given, path, Object.keys(members)))
  const read: Record<string, unknown> = {}
  for (const [name, { kind, isRequired, example }] of Object.entries(members)) {
    const got = given[name]
    if (got === undefined && !isRequired) continue
    const reading = readValue(kind, got, example)
    if (reading.isGood) read[name] = reading.value
    else {
      const unit = describeUnit(kind)
      faults.push({ kind: 'unfit', path: [...path, name], wanted: reading.wanted, got, unit })
    }
  }
  return read
}

function findConflicts(config: HubConfig): Fault[] {
  const { maxEventBytes, maxRequestBytes, workers, data } = config
  const faults: Fault[] = []
  if (maxEventBytes > maxRequestBytes) {
    faults.push({
      kind: 'unfit',
      path: ['maxRequestBytes'],
      wanted: 'must be as large as maxEventBytes at least, so that the largest event can be sent',
      got: maxRequestBytes,
      shown: formatSize(maxRequestBytes),
    })
  }
  if (workers > 1 && isMemory(data)) {
    faults.push({
      kind: 'unfit',
      path: ['workers'],
      wanted:
        'must be 1 with data memory:, because a log in the memory of one process cannot be shared (give data a directory, or leave workers out)',
      got: workers,
    })
  }
  return faults
}

function findUnknown(tree: Settings, path: Path, known: readonly string[]): Fault[] {
  return Object.keys(tree)
    .filter((name) => !known.includes(name))
    .map((name) => ({ kind: 'unknown', path: [...path, name], known }))
}

function isTree(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
