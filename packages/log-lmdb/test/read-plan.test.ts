// Whether a page is read topic by topic, or record by record.

import { describe, expect, test } from 'vitest'
import { isScanCheaper } from '../src/read/read-plan.ts'

describe('the plan of a read', () => {
  const shape = { range: 1_000_000, topics: 1, matching: 100, total: 1_000_000, limit: 100 }

  test('one topic among a million records is sought', () => {
    expect(isScanCheaper(shape)).toBe(false)
  })

  test('a short range is scanned', () => {
    expect(isScanCheaper({ ...shape, range: 3 })).toBe(true)
  })

  test('many topics that hold most records are scanned', () => {
    expect(isScanCheaper({ ...shape, topics: 5_000, matching: 900_000 })).toBe(true)
  })

  test('a hundred quiet topics among a million records are sought', () => {
    expect(isScanCheaper({ ...shape, topics: 100, matching: 1_000 })).toBe(false)
  })
})
