// The limits of what nodes ask of each other's sessions, with their arithmetic.

/**
 * How long a node may take to begin what another node asks of one of its sessions, in milliseconds. An
 * answer of the same machine takes a few; a client of HTTP waits 15 s and more.
 */
export const controlMs: number = 5_000

/**
 * How much longer the asker waits for an answer, in milliseconds. The answer was given in time, and is
 * on its way through the log.
 */
export const controlAnswerMs: number = 1_000

/**
 * Requests of a node to others that wait for their answer. 10,000 × ~1 KB = 10 MB, and their texts beyond
 * that by `controlCarriedCharactersMax`.
 */
export const controlWaitingMax: number = 10_000

/**
 * Requests of the last `controlMs` and `controlAnswerMs` whose ids a node remembers, so that none is carried
 * out twice. 10,000 × ~150 bytes = 1.5 MB.
 */
export const controlSeenMax: number = 10_000

/**
 * Characters of a change of topics as JSON: 1,000 topics of 256 bytes, and as much again for escapes
 * and names to remove.
 */
export const controlChangeCharactersMax: number = 512 * 1024

/**
 * Characters of requests that a node has begun to carry out, beside one: a change of topics may wait
 * for a replay. The same of requests to other nodes that wait for their answer. 32 Mi × 2 bytes = 64 MiB.
 */
export const controlCarriedCharactersMax: number = 32 * 1024 * 1024
