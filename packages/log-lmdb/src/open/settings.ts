// The settings that a directory was opened with. Every process that holds the directory must have
// the same durability. Of retention the configuration is kept, so that an edited one is told from
// one that was not edited.

import { LogError } from '@tidemark/log'
import type { Retention } from '@tidemark/log'
import { parseRetention, printRetention } from '@tidemark/log/driver'
import { textKey } from '../tables/schema.ts'
import type { Table } from '../tables/schema.ts'

/** `fsync`: an append survives a power loss. `commit`: it survives the death of the process. */
export type Durability = 'fsync' | 'commit'

export interface Settings {
  readonly durability: Durability
  readonly retention: Retention
}

/** Settings by name, as texts that can be compared and shown. */
export type SettingTexts = Readonly<Record<string, string>>

export const settingsKey: Buffer = textKey('settings')

export function describeSettings({ durability, retention }: Settings): SettingTexts {
  return { durability, retention: printRetention(retention) }
}

/** The retention that was configured, as `printRetention` has it. Versions before wrote it in three parts. */
export function printConfigured(texts: SettingTexts): string {
  const { retention } = texts
  if (retention !== undefined) return retention
  const [maxAgeMs, maxBytes] = ['retention.maxAgeMs', 'retention.maxBytes'].map((name) => {
    const bound = texts[name] ?? ''
    return bound === 'Infinity' ? JSON.stringify(bound) : bound
  })
  const rules = texts['retention.rules'] ?? '[]'
  return `{"maxAgeMs":${maxAgeMs},"maxBytes":${maxBytes},"rules":${rules}}`
}

/**
 * The retention that was configured last; undefined where there is none, or none that this version
 * can read.
 */
export function readConfigured(texts: SettingTexts | undefined): Retention | undefined {
  try {
    return texts && parseRetention(printConfigured(texts))
  } catch {
    return undefined
  }
}

export function readSettings(meta: Table): SettingTexts | undefined {
  const bytes = meta.getBinary(settingsKey)
  return bytes && parseSettings(bytes)
}

/** Of what is stored. */
export function parseSettings(bytes: Buffer): SettingTexts {
  return JSON.parse(bytes.toString()) as SettingTexts
}

export function writeSettings(meta: Table, settings: SettingTexts): void {
  void meta.put(settingsKey, Buffer.from(JSON.stringify(settings)))
}

/** @throws LogError `LOG_SETTINGS_DIFFER` naming the setting that differs, and both values */
export function requireSameSettings(
  own: SettingTexts,
  held: SettingTexts,
  where: { readonly directory: string; readonly pid: number },
): void {
  const path = JSON.stringify(where.directory)
  // It would neither follow a change of retention nor see ours.
  if (held['retention'] === undefined) {
    throw new LogError(
      'LOG_SETTINGS_DIFFER',
      `The log in ${path} is held by process ${where.pid} of an older version, which knows no retention that changes while it runs. Stop it first.`,
    )
  }
  if (own['durability'] === held['durability']) return
  throw new LogError(
    'LOG_SETTINGS_DIFFER',
    `The log in ${path} is held by process ${where.pid} with durability = ${held['durability'] ?? 'nothing'}; this process has ${own['durability'] ?? 'nothing'}. Give both the same, or stop the other first.`,
  )
}
