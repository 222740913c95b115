// Limits of this room, each with its arithmetic.

/** Characters of a token: cookies and most servers take 8 KiB of headers. */
export const tokenCharactersMax: number = 8_192
