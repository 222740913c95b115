// Figures that benchmarks make of many measurements.

/** The middle value; the higher one of two. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value below which the given share lies, `0.99` for the 99th percentile. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** `1234567.8` as `1,234,568`. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

/** A row of a table: the first cell left, the others right. */
export function tableRow(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
    .join('')
}
