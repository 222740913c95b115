// Durations counted in buckets that grow with the value: constant memory, and no percentile further off
// than 1.6 %.

/** 64 buckets per power of two: a bucket's width is 1/64 of its value. */
const precisionBits = 6
const bucketsPerOctave = 2 ** precisionBits
/** Microseconds as a 31-bit number: 35 minutes. Longer counts as that. */
const valueMax = 2 ** 31 - 1
const bucketCount = (31 - precisionBits + 1) * bucketsPerOctave

/** The largest value, then the buckets that hold something: bucket, count, bucket, count, … */
export type SparseCounts = readonly number[]

/** Counts of durations in microseconds. */
export class Histogram {
  readonly #counts = new Float64Array(bucketCount)
  #count = 0
  #max = 0

  get count(): number {
    return this.#count
  }

  /** The largest value, exactly. */
  get max(): number {
    return this.#max
  }

  /** Counts one duration; below zero counts as zero. */
  add(micros: number): void {
    const value = micros <= 0 ? 0 : micros >= valueMax ? valueMax : Math.round(micros)
    const bucket = bucketOf(value)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#count++
    if (value > this.#max) this.#max = value
  }

  /** The value that `share` of all are at or below, for `0.99` the 99th percentile; 0 when there are none. */
  percentile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count))
    let seen = 0
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      seen += this.#counts[bucket] ?? 0
      if (seen >= rank) return Math.min(highestOf(bucket), this.#max)
    }
    return this.#max
  }

  /** Everything counted, for another process or a later `merge`. */
  toSparse(): SparseCounts {
    const sparse: number[] = [this.#max]
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const count = this.#counts[bucket] ?? 0
      if (count > 0) sparse.push(bucket, count)
    }
    return sparse
  }

  /** Adds what another one has counted. */
  merge(sparse: SparseCounts): void {
    for (let i = 1; i < sparse.length; i += 2) {
      const bucket = sparse[i] ?? 0
      const count = sparse[i + 1] ?? 0
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count
      this.#count += count
    }
    this.#max = Math.max(this.#max, sparse[0] ?? 0)
  }

  clear(): void {
    this.#counts.fill(0)
    this.#count = 0
    this.#max = 0
  }
}

function bucketOf(value: number): number {
  if (value < bucketsPerOctave) return value
  const shift = 31 - Math.clz32(value) - precisionBits
  return (shift + 1) * bucketsPerOctave + (value >>> shift) - bucketsPerOctave
}

/** The highest value that falls into a bucket. */
function highestOf(bucket: number): number {
  if (bucket < bucketsPerOctave) return bucket
  const shift = Math.floor(bucket / bucketsPerOctave) - 1
  const step = (bucket % bucketsPerOctave) + bucketsPerOctave
  return (step + 1) * 2 ** shift - 1
}
