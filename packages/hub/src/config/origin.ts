// Where the value of a setting comes from.

/**
 * Where the value of a setting comes from; `name` is the file's path, the variable, or the flag with
 * its dashes.
 */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file' | 'variable' | 'flag'; readonly name: string }

/** By the name of the setting; those that nobody gave are not in it. */
export type Origins = ReadonlyMap<string, Origin>
