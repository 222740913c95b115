// The settings in force, and where each value comes from, as `tidemark config` prints them.

import { formatNumber, unitOf } from './describe-kind.ts'
import type { HubConfig } from './hub-config.ts'
import { resolveGathered } from './load-config.ts'
import type { Origin } from './origin.ts'
import type { Setting, SettingKind } from './setting.ts'
import { settings } from './settings.ts'
import { gatherSettings } from './sources.ts'
import type { ConfigSources } from './sources.ts'

/** One setting as a hub with the same sources would have it. */
export interface SettingInForce {
  /** As in the file: `retention.maxAge`. */
  readonly name: string
  /** As the file takes it; a number is in `unit`. Undefined where it is a secret. */
  readonly value: unknown
  /** `ms`, `bytes`, or what is counted; undefined where the value has no unit. */
  readonly unit: string | undefined
  /** As people write it: `24h`, `1GiB`, `none`. */
  readonly text: string
  readonly origin: Origin
}

/** The words in place of a secret. */
const secretText = '(set, not shown)'

/**
 * Every setting with its value and where the value comes from.
 * @throws HubError `CONFIG_INVALID` (every fault in one message), `CONFIG_UNREADABLE`
 */
export function explainConfig(sources: ConfigSources): readonly SettingInForce[] {
  const gathered = gatherSettings(sources)
  const config = resolveGathered(gathered)
  return settings.map((row) =>
    explainSetting(row, readMember(config, row.path), gathered.origins.get(row.name)),
  )
}

/** One row; `value` is that of the configuration, so it may be undefined. */
export function explainSetting(
  row: Setting,
  value: unknown,
  origin: Origin = { kind: 'default' },
): SettingInForce {
  const { name, kind } = row
  const unit = unitOf(kind)
  // An empty one is none, wherever it stands.
  if (row.isSecret === true && value !== row.default) {
    return { name, value: undefined, unit, text: secretText, origin }
  }
  const written = maskMembers(kind, value ?? (kind.kind === 'word' ? kind.word : row.default))
  return { name, value: written, unit, text: formatValue(kind, written), origin }
}

/** The entries of a list without the members that are secrets. */
function maskMembers(kind: SettingKind, value: unknown): unknown {
  if (kind.kind !== 'list' || !Array.isArray(value)) return value
  const secrets = Object.keys(kind.members).filter((name) => kind.members[name]?.isSecret === true)
  return value.map((entry: Readonly<Record<string, unknown>>) => {
    const given = secrets.filter((name) => entry[name] !== undefined)
    return { ...entry, ...Object.fromEntries(given.map((name) => [name, secretText])) }
  })
}

function formatValue(kind: SettingKind, value: unknown): string {
  if (value === '' || (kind.kind === 'texts' && isEmpty(value))) return 'none'
  if (typeof value === 'string') return value
  const number = kind.kind === 'word' ? kind.or : kind
  const hasUnit = number.kind === 'duration' || number.kind === 'bytes'
  return typeof value === 'number' && hasUnit ? formatNumber(number, value) : JSON.stringify(value)
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

function readMember(config: HubConfig, path: readonly string[]): unknown {
  let value: unknown = config
  for (const name of path) value = (value as Record<string, unknown> | undefined)?.[name]
  return value
}
