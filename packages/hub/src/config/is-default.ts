// Whether somebody has said anything about a setting, as far as its value tells.

import type { SettingRow } from './setting.ts'
import { parseDuration } from './units.ts'

/** Whether a checked value is the default of its setting. */
export function isDefault({ kind, default: written }: SettingRow, value: unknown): boolean {
  const isDuration = kind.kind === 'duration' && typeof written === 'string'
  const initial = isDuration ? parseDuration(written) : written
  // `none` is nothing, where it may be left out.
  return value === undefined || JSON.stringify(value) === JSON.stringify(initial)
}
