// Every limit of this room, with its arithmetic.
//
// The decoder counts UTF-16 code units of the decoded text, called characters here. UTF-8 has as
// many bytes or more, so a text with fewer bytes than a limit always passes. A character takes 2
// bytes of memory at most.

/**
 * One event, from its first line to its blank line: 16 times the hub's default of 1 MiB per event.
 * A decoder holds one event, one line in progress and the last event's id. 3 × 16 Mi characters × 2
 * bytes = 96 MiB of text worst case. `smallPartMax` says what comes on top while they arrive in
 * parts.
 */
export const eventCharactersMaxDefault: number = 16 * 1024 * 1024

/**
 * Fields of other names on one event. The hub writes 3. Beyond 32 they are ignored, as the
 * specification does with all of them.
 */
export const fieldsMax: number = 32

/**
 * Small parts of a text that are kept apart before they are joined. 1,024 chunks of one character
 * cost 8 KiB of pointers, not 8 bytes per character.
 */
export const partsMax: number = 1_024

/**
 * Characters up to which a part counts as small. A larger part is concatenated as it is. For each
 * part of a line that costs a string header and a node of a rope, 48 bytes. For each line of an
 * event it costs two nodes, 104 bytes. From 64 characters on, both together are 2.4 bytes per
 * character at most: 38 MiB beside a line and an event of 16 Mi characters.
 */
export const smallPartMax: number = 63
