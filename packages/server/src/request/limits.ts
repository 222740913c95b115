// The limits of what a request may bring, with their arithmetic.

/**
 * Characters of the texts of a filter together. A session may have three: asked for, granted, and both in
 * one. 10,000 sessions × 4 × 2,048 × 2 bytes = 156 MiB at worst.
 */
export const filterCharactersMax: number = 2_048

/**
 * Texts of a filter: types, keys, names and values of tags. Measured: 100 bytes for each. 10,000 sessions × 4
 * × 64 × 100 bytes = 244 MiB at worst; filters that sessions share count once.
 */
export const filterTermsMax: number = 64
