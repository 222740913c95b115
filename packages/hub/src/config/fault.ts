// One fault at one place of a configuration.

export type Fault =
  /** There is nothing of this name. */
  | { readonly kind: 'unknown'; readonly path: Path; readonly known: readonly string[] }
  | {
      readonly kind: 'unfit'
      readonly path: Path
      /** `must be true or false`. */
      readonly wanted: string
      /** Undefined where nothing was given. */
      readonly got?: unknown
      /** Words in place of `got`. */
      readonly shown?: string | undefined
      readonly unit?: string | undefined
    }

/** `['retention', 'maxAge']`. */
export type Path = readonly string[]
