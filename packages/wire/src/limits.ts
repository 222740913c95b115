// Every limit of this room, with its arithmetic.
//
// The decoder counts UTF-16 code units of the decoded text. UTF-8 never needs fewer bytes than that, so what
// stays within a limit in bytes always passes, and a unit held costs 2 bytes of memory at most.

/**
 * One event, from its first line to its blank line. 16 times the hub's default of 1 MiB per event; with a line
 * in progress beside it, 2 × 16 Mi units × 2 bytes = 64 MiB worst case per decoder.
 */
export const eventBytesMaxDefault: number = 16 * 1024 * 1024

/** Fields of other names on one event. The hub writes 3; beyond 32 they are ignored, as the specification does with all of them. */
export const fieldsMax: number = 32

/** Parts of a text kept apart before they are joined: 1,024 one-character chunks cost 8 KiB of pointers, not 8 bytes per character. */
export const partsMax: number = 1_024
