// One value by its kind: from a file, where it is JSON, and from flags and variables, where it is text.

import { parsePattern } from '@tidemark/log'
import { describeRange, describeWanted } from './describe-kind.ts'
import { findForeignScheme } from './log-choice.ts'
import type {
  BytesKind,
  ChoiceKind,
  CountKind,
  DurationKind,
  PatternKind,
  ScalarKind,
  TextKind,
  WordKind,
} from './setting.ts'
import { parseDuration, parseSize } from './units.ts'

/** A value, or what it must be. */
export type Reading = { readonly isGood: true; readonly value: unknown } | Refused

interface Refused {
  readonly isGood: false
  /** Follows the name of the setting: `must be true or false`. */
  readonly wanted: string
  /** What is said of the value instead of itself, when it has parts that must not be shown. */
  readonly shown?: string
}

/** Reads one value; `sample` is shown where the kind has no better example. */
export function readValue(kind: ScalarKind, given: unknown, sample: unknown): Reading {
  const refused: Refused = { isGood: false, wanted: `must be ${describeWanted(kind, sample)}` }
  if (kind.kind === 'word') return readWord(kind, given, refused)
  if (kind.kind === 'duration' || kind.kind === 'bytes' || kind.kind === 'count') {
    return readNumber(kind, given, refused)
  }
  if (kind.kind === 'flag') {
    if (given === true || given === 'true') return good(true)
    return given === false || given === 'false' ? good(false) : refused
  }
  if (typeof given !== 'string') return refused
  if (kind.kind === 'log') return readLogPlace(given, refused)
  return isFit(kind, given) ? good(given) : refused
}

function isFit(kind: TextKind | ChoiceKind | PatternKind, text: string): boolean {
  if (kind.kind === 'choice') return kind.of.includes(text)
  if (kind.kind === 'pattern') return isPatternOrTopic(text)
  return text !== '' || kind.kind === 'path'
}

function good(value: unknown): Reading {
  return { isGood: true, value }
}

function readNumber(
  kind: DurationKind | BytesKind | CountKind,
  given: unknown,
  refused: Refused,
): Reading {
  const value = typeof given === 'string' ? parseNumber(kind, given) : given
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return refused
  const { from, to = Infinity } = kind
  const isWithin = value >= from && value <= to
  if (kind.kind === 'count') {
    return isWithin && (!kind.isWhole || Number.isInteger(value)) ? good(value) : refused
  }
  return isWithin ? good(value) : { isGood: false, wanted: `must be ${describeRange(kind)}` }
}

function parseNumber({ kind }: DurationKind | BytesKind | CountKind, text: string): unknown {
  if (kind === 'duration') return parseDuration(text)
  if (kind === 'bytes') return parseSize(text)
  return /^\d+$/.test(text) ? Number(text) : undefined
}

function readWord({ word, isNone, or }: WordKind, given: unknown, refused: Refused): Reading {
  if (given === word) return good(isNone ? undefined : word)
  const number = readNumber(or, given, refused)
  return number.isGood ? number : refused
}

function readLogPlace(given: string, refused: Refused): Reading {
  if (given === '') return refused
  const scheme = findForeignScheme(given)
  return scheme === undefined ? good(given) : { ...refused, shown: `${scheme}//…` }
}

function isPatternOrTopic(text: string): boolean {
  try {
    parsePattern(text.includes('*') ? text : `${text}/**`)
    return true
  } catch {
    return false
  }
}
