// Numbers as people read them: 12,000 · 1.25 ms · 84 MB.

/** A whole number with commas. */
export function renderCount(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** Milliseconds with three digits that count; seconds from ten thousand on. */
export function renderMs(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms >= 100) return `${renderCount(ms)} ms`
  return `${ms.toFixed(ms >= 10 ? 1 : 2)} ms`
}

/** Bytes by decimal units. */
export function renderBytes(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const
  let value = bytes
  let unit = 0
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`
}

/** Cores: `0.42 cores`. */
export function renderCores(cores: number): string {
  return `${cores.toFixed(2)} cores`
}
