// The JSON Schema of the configuration file, for editors: made from the rows.

import { describeUnit, unitOf } from './describe-kind.ts'
import type {
  BytesKind,
  DurationKind,
  Member,
  ScalarKind,
  Setting,
  SettingKind,
} from './setting.ts'
import { settings } from './settings.ts'
import { durationUnitsMs, sizeUnits } from './units.ts'

/** A JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * The schema of `tidemark.config.json`, draft 07, which editors know best. It takes whatever the hub takes; the hub also refuses texts
 * that are out of range, and settings that contradict each other.
 */
export const configJsonSchema: JsonSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'tidemark.config.json',
  description: 'Settings of a Tidemark hub. Durations as 15s or in ms, sizes as 64KiB or in bytes.',
  type: 'object',
  additionalProperties: false,
  properties: {
    $schema: { type: 'string', description: 'Where this schema is, for editors.' },
    ...planProperties(settings),
  },
}

function planProperties(rows: readonly Setting[]): Record<string, unknown> {
  const properties: Record<string, unknown> = {}
  for (const top of new Set(rows.map(({ path: [name = ''] }) => name))) {
    const own = rows.filter(({ path }) => path[0] === top)
    const [only] = own
    properties[top] =
      only?.path.length === 1
        ? planSetting(only)
        : {
            type: 'object',
            additionalProperties: false,
            properties: Object.fromEntries(own.map((row) => [row.path[1], planSetting(row)])),
          }
  }
  return properties
}

function planSetting({ kind, help, default: initial, example }: Setting): JsonSchema {
  return {
    description: describe(kind, help),
    ...planKind(kind),
    default: initial,
    examples: [example],
  }
}

function describe(kind: SettingKind, help: string): string {
  const unit = describeUnit(kind)
  return unit === undefined ? help : `${help} (${unit})`
}

function planKind(kind: SettingKind): JsonSchema {
  if (kind.kind !== 'list') return planScalar(kind)
  return {
    type: 'array',
    ...(kind.max === undefined ? {} : { maxItems: kind.max }),
    items: {
      type: 'object',
      additionalProperties: false,
      required: Object.entries(kind.members).flatMap(([name, { isRequired }]) =>
        isRequired ? [name] : [],
      ),
      properties: Object.fromEntries(
        Object.entries(kind.members).map(([name, member]) => [name, planMember(member)]),
      ),
    },
  }
}

function planMember({ kind, help, example }: Member): JsonSchema {
  return { description: describe(kind, help), ...planScalar(kind), examples: [example] }
}

function planScalar(kind: ScalarKind): JsonSchema {
  if (kind.kind === 'duration') return planUnits(kind, Object.keys(durationUnitsMs))
  if (kind.kind === 'bytes') return planUnits(kind, Object.keys(sizeUnits))
  if (kind.kind === 'word') return { anyOf: [{ const: kind.word }, planScalar(kind.or)] }
  if (kind.kind === 'flag') return { enum: [true, false, 'true', 'false'] }
  if (kind.kind === 'choice') return { enum: kind.of }
  if (kind.kind === 'path') return { type: 'string' }
  if (kind.kind !== 'count') return { type: 'string', minLength: 1 }
  const type = kind.isWhole ? 'integer' : 'number'
  const digits = { type: 'string', pattern: String.raw`^\d+$` }
  return { anyOf: [{ type, minimum: kind.from, maximum: kind.to }, digits] }
}

/** A number in the smallest unit, or text with a unit as `units.ts` reads it. */
function planUnits(kind: DurationKind | BytesKind, units: readonly string[]): JsonSchema {
  const { from, to } = kind
  const number = { type: 'number', minimum: from, ...(to === undefined ? {} : { maximum: to }) }
  const pattern = String.raw`^\s*\d{1,12}(\.\d{1,3})?(${units.join('|')})\s*$`
  return {
    anyOf: [
      { ...number, description: `In ${unitOf(kind)}.` },
      { type: 'string', pattern },
    ],
  }
}
