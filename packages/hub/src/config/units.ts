// Durations and sizes as people write them: `15s`, `24h`, `1GiB`.

/** Units of durations, in milliseconds. */
export const durationUnitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Units of sizes, in bytes. */
export const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  TB: 1_000_000_000_000,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
}

/** Milliseconds of `500ms`, `15s`, `5m`, `24h`, `7d`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const ms = parseUnits(text, durationUnitsMs)
  // 1.001 × 1,000 is a little less than 1,001.
  return ms === undefined ? undefined : Math.round(ms)
}

/** Bytes of `512B`, `64KB`, `1MiB`, `1.5GiB`; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const bytes = parseUnits(text, sizeUnits)
  return bytes === undefined ? undefined : Math.floor(bytes)
}

/** `7d`, `24h`, `100ms`: in the largest unit that gives a whole number, of days more than one. */
export function formatDuration(ms: number): string {
  const units = ms > 86_400_000 ? ['d', 'h', 'm', 's'] : ['h', 'm', 's']
  const unit = units.find((name) => ms > 0 && ms % (durationUnitsMs[name] ?? 1) === 0)
  return unit === undefined ? `${ms}ms` : `${ms / (durationUnitsMs[unit] ?? 1)}${unit}`
}

/** `64KiB`, `1000B`: in the largest binary unit that gives a whole number. */
export function formatSize(bytes: number): string {
  const unit = ['TiB', 'GiB', 'MiB', 'KiB'].find(
    (name) => bytes > 0 && bytes % (sizeUnits[name] ?? 1) === 0,
  )
  return unit === undefined ? `${bytes}B` : `${bytes / (sizeUnits[unit] ?? 1)}${unit}`
}

function parseUnits(text: string, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof text !== 'string') return undefined
  const match = /^(\d{1,12}(?:\.\d{1,3})?)([A-Za-z]{1,3})$/.exec(text.trim())
  const unit = units[match?.[2] ?? '']
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit
}
