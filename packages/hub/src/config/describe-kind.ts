// The values a setting may have, in words: for messages, help and reference.

import type {
  BytesKind,
  CountKind,
  DurationKind,
  NamesKind,
  SettingKind,
  SettingRow,
  WordKind,
} from './setting.ts'
import { durationUnitsMs, formatDuration, formatSize, sizeUnits } from './units.ts'

/** Follows `must be `: `a whole number from 0 to 65535`. */
export function describeWanted(kind: SettingKind, sample: unknown): string {
  if (kind.kind === 'duration' || kind.kind === 'bytes') {
    const what = kind.kind === 'duration' ? 'duration' : 'size'
    return `a ${what} such as ${String(sample)}, ${describeRange(kind)}`
  }
  if (kind.kind === 'count') return `a ${kind.isWhole ? 'whole ' : ''}number ${describeRange(kind)}`
  if (kind.kind === 'flag') return 'true or false'
  if (kind.kind === 'log') return 'a directory (one with a colon as ./a:b), or memory:'
  if (kind.kind === 'choice') return describeChoice(kind.of)
  if (kind.kind === 'pattern') return `a topic or a pattern such as ${String(sample)}`
  if (kind.kind === 'word') return `${kind.word}, or ${describeNumber(kind.or)}`
  if (kind.kind === 'list')
    return `a list of at most ${kind.max} ${kind.things ?? 'rules'} such as ${kind.entry}`
  if (kind.kind === 'secret') return 'a secret, or @ and the path of a file that holds it'
  if (kind.kind === 'texts')
    return `a list of ${kind.max} at most, each ${describeWanted(kind.of, 'orders/*')}`
  if (kind.kind === 'names') return describeNames(kind)
  return kind.names
}

/** `from 100ms to 1h`. */
export function describeRange(kind: DurationKind | BytesKind | CountKind): string {
  return `from ${formatNumber(kind, kind.from)} to ${formatNumber(kind, kind.to)}`
}

/** `units: ms, s, m, h, d`, or what is counted; undefined where a value has none. */
export function describeUnit(kind: SettingKind): string | undefined {
  if (kind.kind === 'word') return describeUnit(kind.or)
  if (kind.kind === 'duration') return `units: ${Object.keys(durationUnitsMs).join(', ')}; whole ms`
  if (kind.kind === 'bytes') return `units: ${Object.keys(sizeUnits).join(', ')}`
  const unit = unitOf(kind)
  return unit === undefined ? undefined : `counted in ${unit}`
}

/**
 * The unit of a bare number in the file, and of what `tidemark config --json` prints: `ms`, `bytes`,
 * `events`.
 */
export function unitOf(kind: SettingKind): string | undefined {
  if (kind.kind === 'word') return unitOf(kind.or)
  if (kind.kind === 'duration') return 'ms'
  if (kind.kind === 'bytes') return 'bytes'
  return kind.kind === 'count' ? kind.unit : undefined
}

/** The name of the value behind its flag: `<duration>`. A switch has none. */
export function describeValue({ kind, value }: Pick<SettingRow, 'kind' | 'value'>): string {
  if (value !== undefined) return value
  if (kind.kind === 'choice') return kind.of.join('|')
  if (kind.kind === 'texts' && kind.of.kind === 'choice') return `${kind.of.of[0]},…`
  if (kind.kind === 'word') return `${kind.word}|${describeValue({ kind: kind.or })}`
  return valueNames[kind.kind]
}

const valueNames: Readonly<Record<Exclude<SettingKind['kind'], 'choice' | 'word'>, string>> = {
  duration: '<duration>',
  bytes: '<size>',
  count: '<count>',
  flag: '',
  text: '<text>',
  path: '<file>',
  place: '<url or file>',
  secret: '<text or @file>',
  texts: '<list>',
  names: '<name=text,…>',
  log: '<directory>',
  pattern: '<pattern>',
  list: '<list>',
}

/** A value of the file as a flag takes it. */
export function writeValue(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return String(value)
  return Object.entries(value)
    .map(([name, text]) => `${name}=${String(text)}`)
    .join()
}

/** A number in the form in which people write it: `15s`, `64KiB`, `1000`. */
export function formatNumber(
  { kind }: DurationKind | BytesKind | CountKind,
  value: number,
): string {
  if (kind === 'duration') return formatDuration(value)
  return kind === 'bytes' ? formatSize(value) : String(value)
}

function describeNumber(kind: WordKind['or']): string {
  return kind.kind === 'duration'
    ? `a duration ${describeRange(kind)}`
    : describeWanted(kind, undefined)
}

function describeNames({ of, names }: NamesKind): string {
  return `names such as ${of[0]}=${of[0]}Id, each ${names}, of ${describeChoice(of)}`
}

function describeChoice(words: readonly string[]): string {
  if (words.length === 1) return `"${words.join()}"`
  return words.length === 2 ? words.join(' or ') : words.join(', ')
}
