// Limits of consumers, with their arithmetic.

/**
 * Between two looks at the sessions of consumers, in milliseconds. Places that moved are written in one
 * append for all of them, so a node with 10,000 consumers under load appends once a second.
 */
export const consumerKeepMs: number = 1_000

/**
 * Consumers of one user: devices and uses of a person. A thousand users who make as many as they may fill the
 * ledger, and one alone takes a thousandth of it.
 */
export const consumersOfUserMax: number = 100

/** Characters of a consumer's name. */
export const consumerNameCharactersMax: number = 64

/**
 * How long a consumer is kept that nobody has opened, in milliseconds: 30 days, a holiday and a repair. The
 * ledger holds 100,000 of them.
 */
export const consumerLifeMs: number = 30 * 24 * 3_600_000

/**
 * How often the place of an open, quiet consumer is written anew, in milliseconds. It lives on then, and its
 * cursor does not fall behind what the log remembers. 10,000 consumers cost 3 entries a second.
 */
export const consumerRefreshMs: number = 3_600_000

/** Consumers written in one append; the rest follows in the next one. An entry has 1 KB at most: 10 MB. */
export const consumersWrittenMax: number = 10_000
