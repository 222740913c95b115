// The limits of compressed events, with their arithmetic.

/** Characters of an event from which on it is compressed for clients that ask for it: more than 1,024. */
export const packCharactersMin: number = 1_025

/**
 * Characters of compressed events that are kept for others who ask for them, in another framing or in a
 * replay. They are base64, a byte each: 8 MiB, some 2,000 events of 16 KB.
 */
export const packedKeptCharactersMax: number = 8 * 1024 * 1024

/** Each of them counts for so much beside its text: its name, and its place in the table. */
export const packedOverheadCharacters: number = 256
