// Every limit of this room, with its arithmetic.
//
// The decoder counts UTF-16 code units of the decoded text. UTF-8 never needs fewer bytes than that, so what
// stays within a limit in bytes always passes, and a unit held costs 2 bytes of memory at most.

/**
 * One event, from its first line to its blank line. 16 times the hub's default of 1 MiB per event. With a line in progress and
 * the last event's id beside it, 3 × 16 Mi units × 2 bytes = 96 MiB of text worst case per decoder; what comes on top while
 * it arrives in parts is said at `smallPartMax`.
 */
export const eventCharactersMaxDefault: number = 16 * 1024 * 1024

/** Fields of other names on one event. The hub writes 3; beyond 32 they are ignored, as the specification does with all of them. */
export const fieldsMax: number = 32

/** Small parts of a text kept apart before they are joined: 1,024 one-character chunks cost 8 KiB of pointers, not 8 bytes per character. */
export const partsMax: number = 1_024

/**
 * Characters up to which a part counts as small. A larger one is concatenated as it is: a string header and a node of a rope for
 * each part of a line, 48 bytes, two nodes for each line of an event, 104 bytes. By 64 characters that is 2.4 bytes per character
 * of both together: 38 MiB beside a line and an event of 16 Mi characters.
 */
export const smallPartMax: number = 63
