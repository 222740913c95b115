// Rows are made of these: one maker for each kind that takes a range.

import type {
  BytesKind,
  CountKind,
  DurationKind,
  FlagKind,
  TextsKind,
  WordKind,
} from './setting.ts'

/** A range; both ends are included. */
export interface Range {
  readonly from: number
  readonly to: number
}

export const flag: FlagKind = { kind: 'flag' }

export function duration(range: Range): DurationKind {
  return { kind: 'duration', ...range }
}

export function bytes(range: Range): BytesKind {
  return { kind: 'bytes', ...range }
}

/** A whole number of things. */
export function count(range: Range, unit?: string): CountKind {
  return { kind: 'count', ...range, unit, isWhole: true }
}

/** So many things per second. */
export function rate(range: Range, unit: string): CountKind {
  return { kind: 'count', ...range, unit, isWhole: false }
}

/** A number, or a word that means something else. */
export function wordOr(word: string, or: WordKind['or']): WordKind {
  return { kind: 'word', word, isNone: false, or }
}

/** A bound, or none. */
export function noneOr(or: WordKind['or']): WordKind {
  return { kind: 'word', word: 'none', isNone: true, or }
}

/** Several of a kind. */
export function texts(max: number, of: TextsKind['of']): TextsKind {
  return { kind: 'texts', max, of }
}
