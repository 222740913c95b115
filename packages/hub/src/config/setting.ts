// One setting: a row of `settings.ts`, and the kinds of values there are.

/** Whole milliseconds; written as `15s`. Both ends of the range are included. */
export interface DurationKind {
  readonly kind: 'duration'
  readonly from: number
  readonly to: number
}

/** Whole bytes; written as `64KiB`. */
export interface BytesKind {
  readonly kind: 'bytes'
  readonly from: number
  readonly to: number
}

/** A number of things. */
export interface CountKind {
  readonly kind: 'count'
  readonly from: number
  readonly to: number
  /** The things that are counted: `events`. Undefined where the number counts nothing, as that of a port. */
  readonly unit: string | undefined
  /** A rate need not be a whole number. */
  readonly isWhole: boolean
}

/** A switch. */
export interface FlagKind {
  readonly kind: 'flag'
}

/** Text, not empty, or the path of a file, which may be empty: none. */
interface TextKind {
  readonly kind: 'text' | 'path'
  /** The thing it names: `an address to listen on`. */
  readonly names: string
  /** Text of this kind may be empty as well: none. */
  readonly isOptional?: true
}

/** The URL or the path of a file; empty: none. */
interface PlaceKind {
  readonly kind: 'place'
  readonly names: string
}

/** A secret itself, or `@` and the path of a file that holds it; empty: none. */
interface SecretKind {
  readonly kind: 'secret'
}

/** Several texts: a list in the file, in a flag with commas between them. */
export interface TextsKind {
  readonly kind: 'texts'
  readonly max: number
  readonly of: ChoiceKind | PatternKind | TextKind
}

/** Texts by names that are known: an object in the file, in a flag `name=text,name=text`. */
export interface NamesKind {
  readonly kind: 'names'
  readonly of: readonly string[]
  /** The thing that a text names: `a claim`. */
  readonly names: string
}

/** Where events are kept; see `log-choice.ts`. */
interface LogKind {
  readonly kind: 'log'
}

/** One of several words. */
interface ChoiceKind {
  readonly kind: 'choice'
  readonly of: readonly string[]
}

/** A topic, or a pattern of topics. */
interface PatternKind {
  readonly kind: 'pattern'
}

/** A number, or one word in its place. */
export interface WordKind {
  readonly kind: 'word'
  readonly word: string
  /** The word stands for no bound: its value is undefined. */
  readonly isNone: boolean
  readonly or: DurationKind | CountKind
}

/** A list of objects, for the file only. */
export interface ListKind {
  readonly kind: 'list'
  readonly max: number
  /** The entries in one word. Default `rules`. */
  readonly things?: string
  /** One entry as JSON, for messages. */
  readonly entry: string
  readonly members: Readonly<Record<string, Member>>
}

export type ScalarKind =
  | DurationKind
  | BytesKind
  | CountKind
  | FlagKind
  | TextKind
  | LogKind
  | ChoiceKind
  | PatternKind
  | PlaceKind
  | SecretKind
  | TextsKind
  | NamesKind
  | WordKind

export type SettingKind = ScalarKind | ListKind

/** A member of the objects of a list. */
export interface Member {
  readonly kind: ScalarKind
  readonly isRequired: boolean
  readonly help: string
  /** A value as it stands in the file. */
  readonly example: Written
  /** As that of a row. */
  readonly isSecret?: boolean
}

/** A value as it stands in the file. */
type Written = string | number | boolean | readonly unknown[] | Readonly<Record<string, string>>

/** One row: all that is said of a setting anywhere is made from it. */
export interface SettingRow {
  readonly kind: SettingKind
  /** As it stands in the file. */
  readonly default: string | number | boolean | readonly string[] | Readonly<Record<string, never>>
  /** Another value, as it stands in the file. */
  readonly example: Written
  /** The name of the value in help: `<port>`. Left out where the kind says it. */
  readonly value?: string
  /** One sentence or two. */
  readonly help: string
  /** Details that `help` leaves out, for the reference. */
  readonly more?: string
  /** Its flag where the name makes another, without dashes: `tls`. */
  readonly flag?: string
  /** A neighbour in the section that must be given with it. */
  readonly needs?: string
  /** Its value is shown to nobody: not in messages, nor by `tidemark config`. */
  readonly isSecret?: boolean
}

/** A row under its name. */
export interface Setting extends SettingRow {
  /** `retention.maxAge`. */
  readonly name: string
  readonly path: readonly string[]
}
