// The schema of a configuration, made from rows: what the hub reads by, and what editors check a file by.

import { z } from 'zod'
import { describeUnit, describeWanted } from './describe-kind.ts'
import type { ListKind, Member, Setting, SettingKind } from './setting.ts'
import { settings } from './settings.ts'
import { planValue } from './value-schema.ts'

/** The schema of all settings; what it gives has every default and no name that is only for editors. */
export function planConfig(rows: readonly Setting[]): z.ZodType {
  const members = Object.entries(bySection(rows)).map(([top, own]) => {
    const [only] = own
    return [top, only?.path.length === 1 ? planSetting(only) : planSection(own)]
  })
  const shape = {
    $schema: z.string({ error: 'must be a text' }).optional().meta({
      description: 'Where this schema is, for editors.',
    }),
    ...(Object.fromEntries(members) as Record<string, z.ZodType>),
  }
  return z
    .strictObject(shape, { error: 'must be an object such as {"port": 7171}' })
    .transform((given) =>
      Object.fromEntries(Object.entries(given).filter(([name]) => name !== '$schema')),
    )
}

/** The schema of the hub's own configuration. */
export const configSchema: z.ZodType = planConfig(settings)

/** Rows by the name that they have at the top of the file. */
export function bySection(rows: readonly Setting[]): Readonly<Record<string, readonly Setting[]>> {
  const sections: Record<string, Setting[]> = {}
  for (const row of rows) (sections[row.path[0] ?? ''] ??= []).push(row)
  return sections
}

/**
 * The member under one name. Where members go together it is undefined when nothing but defaults is given.
 */
function planSection(rows: readonly Setting[]): z.ZodType {
  const shape = Object.fromEntries(rows.map((row) => [row.path[1] ?? '', planSetting(row)]))
  const section = z.strictObject(shape, {
    error: `must be an object such as ${sectionExample(rows)}`,
  })
  const together = rows.filter(({ needs }) => needs !== undefined).map(({ path }) => path[1] ?? '')
  if (together.length === 0) return section.prefault({})
  const missing = (given: Readonly<Record<string, unknown>>): number =>
    together.filter((name) => given[name] === '').length
  const initial = section.parse({})
  const isInitial = (given: Readonly<Record<string, unknown>>): boolean =>
    Object.entries(initial).every(([name, value]) => given[name] === value)
  return section
    .refine((given) => [0, together.length].includes(missing(given)), {
      error: `must name both, ${together.join(' and ')}, or neither`,
    })
    .transform((given) => (isInitial(given) ? undefined : given))
    .prefault({})
}

/** `{"maxAge": "7d"}`: the first member, and those that it needs. */
function sectionExample(rows: readonly Setting[]): string {
  const [first] = rows
  const shown = rows.filter((row) => row === first || row.path[1] === first?.needs)
  const members = shown.map(({ path, example }) => `"${path[1]}": ${JSON.stringify(example)}`)
  return `{${members.join(', ')}}`
}

function planSetting({ kind, default: initial, example, help }: Setting): z.ZodType {
  const value = kind.kind === 'list' ? planList(kind) : planValue(kind, initial)
  return value.prefault(initial).meta({ description: describe(kind, help), examples: [example] })
}

function planList(kind: ListKind): z.ZodType {
  const { members, entry, max } = kind
  const shape = Object.fromEntries(
    Object.entries(members).map(([name, member]) => [name, planMember(member)]),
  )
  const said = { error: `must be ${describeWanted(kind, undefined)}` }
  return z
    .array(z.strictObject(shape, { error: `must be an object such as ${entry}` }), said)
    .max(max, said)
}

function planMember({ kind, isRequired, example, help }: Member): z.ZodType {
  const value = planValue(kind, example)
  return (isRequired ? value : value.optional()).meta({
    description: describe(kind, help),
    examples: [example],
  })
}

function describe(kind: SettingKind, help: string): string {
  const unit = describeUnit(kind)
  return unit === undefined ? help : `${help} (${unit})`
}
