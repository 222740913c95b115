// The schema of one setting, by its kind: from a file, where it is JSON, and from flags and variables,
// where it is text.

import { hasWildcard, parsePattern, parseTopic } from '@tidemark/log'
import { z } from 'zod'
import { describeWanted, unitOf } from './describe-kind.ts'
import { findForeignScheme } from './log-choice.ts'
import type {
  BytesKind,
  CountKind,
  DurationKind,
  NamesKind,
  ScalarKind,
  TextsKind,
  WordKind,
} from './setting.ts'
import { durationUnitsMs, parseDuration, parseSize, sizeUnits } from './units.ts'

/** Words in place of zod's own. */
interface Said {
  readonly error: string
}

/** The schema of one value; `sample` is shown where the kind has no better example. */
export function planValue(kind: ScalarKind, sample: unknown): z.ZodType {
  const said: Said = { error: `must be ${describeWanted(kind, sample)}` }
  switch (kind.kind) {
    case 'duration':
    case 'bytes':
    case 'count':
      return planNumber(kind, said)
    case 'word':
      return planWord(kind, said)
    case 'flag':
      return z.union(
        [z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')],
        said,
      )
    case 'choice':
      return z.enum(kind.of, said)
    case 'pattern':
      return z.string(said).min(1, said).refine(isPatternOrTopic, said)
    case 'log':
      return z
        .string(said)
        .min(1, said)
        .refine((text) => findForeignScheme(text) === undefined, said)
    case 'text':
      return kind.isOptional === true ? z.string(said) : z.string(said).min(1, said)
    case 'path':
    case 'place':
      return z.string(said)
    case 'secret':
      return z.string(said).refine((text) => text !== '@', said)
    case 'texts':
      return planTexts(kind, said)
    case 'names':
      return planNames(kind, said)
  }
  return kind satisfies never
}

/** A number in the smallest unit, or text with a unit. */
function planNumber(kind: DurationKind | BytesKind | CountKind, said: Said): z.ZodType<number> {
  const { from, to } = kind
  const isWhole = kind.kind !== 'count' || kind.isWhole
  const plain = (isWhole ? z.int(said) : z.number(said)).min(from, said).max(to, said)
  const bare = kind.kind === 'count' ? plain : plain.describe(`In ${unitOf(kind)}.`)
  const { shape, parse } = textForms[kind.kind]
  const text = z
    .string(said)
    .regex(shape, said)
    .refine((given) => bare.safeParse(parse(given)).success, said)
    .transform((given) => parse(given) ?? Number.NaN)
  return z.union([bare, text], said)
}

/** The number, or a word in its place; a word that stands for no bound is read as undefined. */
function planWord({ word, isNone, or }: WordKind, said: Said): z.ZodType {
  const alone = z.literal(word).transform(() => (isNone ? undefined : word))
  return z.union([alone, planNumber(or, said)], said)
}

/**
 * The list, or its texts with commas between them, as a flag has them. It is judged as a whole, so that a
 * fault has the place of the setting and not one within a flag.
 */
function planTexts({ max, of }: TextsKind, said: Said): z.ZodType {
  const item = planValue(of, undefined)
  const written = of.kind === 'choice' ? z.enum(of.of, said) : z.string(said)
  return z
    .union([z.array(written, said), z.string(said)], said)
    .transform((given) => (typeof given === 'string' ? splitText(given) : given))
    .refine(
      (list) => list.length <= max && list.every((text) => item.safeParse(text).success),
      said,
    )
}

/** The object, or `name=text` with commas in between. */
function planNames({ of }: NamesKind, said: Said): z.ZodType {
  const shape = Object.fromEntries(of.map((name) => [name, z.string(said).optional()]))
  return z
    .union([z.strictObject(shape, said), z.string(said)], said)
    .transform((given) => (typeof given === 'string' ? splitPairs(given) : given))
    .refine(
      (names) => Object.entries(names).every(([name, text]) => of.includes(name) && text !== ''),
      said,
    )
}

function splitText(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** A part without `=` has no name, and none is known by the empty one. */
function splitPairs(text: string): Readonly<Record<string, string>> {
  const pairs = splitText(text).map((pair) => {
    const at = pair.indexOf('=')
    return [pair.slice(0, Math.max(at, 0)).trim(), pair.slice(at + 1).trim()] as const
  })
  const isTwice = new Set(pairs.map(([name]) => name)).size < pairs.length
  return isTwice ? { '': '' } : Object.fromEntries(pairs)
}

/**
 * Numbers as people write them. A thousandth of a second is a whole number of the smallest unit, one of
 * a millisecond is none.
 */
const textForms = {
  duration: { shape: shapeOf(durationUnitsMs), parse: parseDuration },
  bytes: { shape: shapeOf(sizeUnits), parse: parseSize },
  count: { shape: /^\d+$/, parse: Number },
}

function shapeOf(units: Readonly<Record<string, number>>): RegExp {
  const [smallest = '', ...larger] = Object.keys(units)
  return new RegExp(String.raw`^\s*\d{1,12}(${smallest}|(\.\d{1,3})?(${larger.join('|')}))\s*$`)
}

function isPatternOrTopic(text: string): boolean {
  try {
    if (hasWildcard(text)) parsePattern(text)
    else parseTopic(text)
    return true
  } catch {
    return false
  }
}
