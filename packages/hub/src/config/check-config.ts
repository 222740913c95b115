// A tree of settings, from wherever it comes, to a configuration with every default, or to its faults.

import { quote } from '@tidemark/wire/values'
import type { z } from 'zod'
import { bySection, configSchema, planConfig } from './config-schema.ts'
import { describeUnit, writeValue } from './describe-kind.ts'
import type { Fault, Path } from './fault.ts'
import type { HubConfig } from './hub-config.ts'
import { findConflicts } from './conflicts.ts'
import { findForeignScheme } from './log-choice.ts'
import type { Setting, SettingKind } from './setting.ts'
import { settings } from './settings.ts'
import { findTlsConflicts } from './tls-conflicts.ts'

/** The outcome of checking. */
export type Checked =
  | { readonly faults: undefined; readonly config: HubConfig }
  | { readonly faults: readonly Fault[] }

/** Checks a tree, by default against the settings of the hub. */
export function checkSettings(given: unknown, rows: readonly Setting[] = settings): Checked {
  const schema = rows === settings ? configSchema : planConfig(rows)
  const { success, data, error } = schema.safeParse(given, { reportInput: true })
  if (!success) return { faults: listFaults(error.issues, rows) }
  // The schema is made of the rows, and the rows are those of `HubConfig`: `settings.ts` does not
  // compile otherwise.
  const config = data as HubConfig
  const conflicts = [...findConflicts(config), ...findTlsConflicts(config)]
  return conflicts.length > 0 ? { faults: conflicts } : { faults: undefined, config }
}

/** Checks the value of one setting, such as a list of rules; places of faults are within the value. */
export function checkValue(
  row: Setting,
  given: unknown,
): { readonly faults: readonly Fault[]; readonly value: unknown } {
  const tree = row.path.reduceRight<unknown>((value, name) => ({ [name]: value }), given)
  const { success, data, error } = planConfig([row]).safeParse(tree, { reportInput: true })
  if (success) {
    const pick = (value: unknown, name: string): unknown => (value as Record<string, unknown>)[name]
    return { faults: [], value: row.path.reduce(pick, data) }
  }
  const faults = listFaults(error.issues, [row])
  const within = faults.map((fault) => ({ ...fault, path: fault.path.slice(row.path.length) }))
  return { faults: within, value: undefined }
}

/** One fault for each place, however much is wrong there. */
function listFaults(issues: readonly z.core.$ZodIssue[], rows: readonly Setting[]): Fault[] {
  const faults = new Map<string, Fault>()
  for (const issue of issues) {
    for (const fault of toFaults(issue, rows)) {
      const place = JSON.stringify(fault.path)
      if (!faults.has(place)) faults.set(place, fault)
    }
  }
  return [...faults.values()]
}

function toFaults(issue: z.core.$ZodIssue, rows: readonly Setting[]): readonly Fault[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    const known = listNames(path, rows)
    return issue.keys.map((name) => ({ kind: 'unknown', path: [...path, name], known }))
  }
  const row = findRow(path, rows)
  const { message: wanted } = issue
  // Of a section whose members do not go together the section says nothing.
  const got = row === undefined && issue.code === 'custom' ? undefined : issue.input
  const kind = row === undefined ? undefined : kindAt(row, path)
  const unit = kind === undefined ? undefined : describeUnit(kind)
  return [{ kind: 'unfit', path, wanted, got, shown: hide(path, got, rows), unit }]
}

/** The row of a setting, or of the list that a place is in. */
function findRow(path: Path, rows: readonly Setting[]): Setting | undefined {
  return rows.find((row) => row.path.every((name, i) => name === path[i]))
}

/** Undefined for an entry of a list, which is no value. */
function kindAt({ kind, path: own }: Setting, path: Path): SettingKind | undefined {
  const [, member] = path.slice(own.length)
  if (path.length === own.length || kind.kind !== 'list') return kind
  return member === undefined ? undefined : kind.members[member]?.kind
}

/** The names that a place may have. */
function listNames(path: Path, rows: readonly Setting[]): readonly string[] {
  const [section] = path
  if (section === undefined) return [...Object.keys(bySection(rows)), '$schema']
  const row = findRow(path, rows)
  if (row?.kind.kind === 'list') return Object.keys(row.kind.members)
  if (row?.kind.kind === 'names') return row.kind.of
  return (bySection(rows)[section] ?? []).map(({ path: [, name = ''] }) => name)
}

/** Words in place of a value that may have parts that must not be shown. */
function hide(path: Path, got: unknown, rows: readonly Setting[]): string | undefined {
  const row = findRow(path, rows)
  if (mayHoldSecret(path, row, rows)) return 'a secret that is not shown'
  // Of a flag it has been taken apart already.
  if (row?.kind.kind === 'names' && isPlain(got)) return quote(writeValue(got))
  if (row?.kind.kind !== 'log' || typeof got !== 'string') return undefined
  const scheme = findForeignScheme(got)
  return scheme === undefined ? undefined : `${scheme}…`
}

function isPlain(got: unknown): got is Readonly<Record<string, string>> {
  try {
    return (
      typeof got === 'object' &&
      got !== null &&
      Object.values(got).every((each) => typeof each === 'string')
    )
  } catch {
    return false
  }
}

/** Also the whole of a section or of an entry, one of whose members is a secret. */
function mayHoldSecret(path: Path, row: Setting | undefined, rows: readonly Setting[]): boolean {
  if (row === undefined) {
    const isWithin = (place: Path): boolean => path.every((name, i) => name === place[i])
    return path.length > 0 && rows.some((each) => isWithin(each.path) && each.isSecret === true)
  }
  if (row.isSecret === true || row.kind.kind !== 'list') return row.isSecret === true
  const { members } = row.kind
  const member = path[row.path.length + 1]
  return member === undefined
    ? Object.values(members).some(({ isSecret }) => isSecret === true)
    : members[member]?.isSecret === true
}
