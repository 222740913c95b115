// Sizes for people.

const units = ['KiB', 'MiB', 'GiB', 'TiB'] as const

/** `512 B`, `62.6 MiB`. */
export function renderBytes(bytes: number): string {
  let value = bytes
  let unit = 'B'
  for (const next of units) {
    if (value < 1024) break
    value /= 1024
    unit = next
  }
  return `${unit === 'B' ? value : value.toFixed(1)} ${unit}`
}
