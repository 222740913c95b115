// Settings that change what the log means; every process that holds the directory must have the same.

import { LogError } from '@tidemark/log'
import type { Retention } from '@tidemark/log'
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
  const rules = retention.rules.map(({ pattern, maxAgeMs, maxEvents, maxBytes, latestBy }) => ({
    pattern,
    maxAgeMs: nameBound(maxAgeMs),
    maxEvents: nameBound(maxEvents),
    maxBytes: nameBound(maxBytes),
    latestBy,
  }))
  return {
    durability,
    'retention.maxAgeMs': String(retention.maxAgeMs),
    'retention.maxBytes': String(retention.maxBytes),
    'retention.rules': JSON.stringify(rules),
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

/** @throws LogError `LOG_SETTINGS_DIFFER` naming the first setting that differs, and both values */
export function requireSameSettings(
  own: SettingTexts,
  held: SettingTexts,
  where: { readonly directory: string; readonly pid: number },
): void {
  for (const [name, value] of Object.entries(own)) {
    const other = held[name]
    if (other === value) continue
    throw new LogError(
      'LOG_SETTINGS_DIFFER',
      `The log in ${JSON.stringify(where.directory)} is held by process ${where.pid} with ${name} = ${other ?? 'nothing'}; this process has ${value}. Give both the same, or stop the other first.`,
    )
  }
}

/** `JSON.stringify` would make `Infinity` look like a missing bound. */
function nameBound(bound: number | undefined): number | string | undefined {
  return bound === Infinity ? 'Infinity' : bound
}
