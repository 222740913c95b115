// Where randomness comes from; tests hand in a seeded one.

/** Uniform in [0, 1). */
export type Random = () => number

/** Drawn 256 at a time: one by one, the numbers of a session's id took a fifth of the time of opening it. */
const drawn = new Uint32Array(256)
let used = drawn.length

/** The platform's cryptographic generator: session ids must not be guessable. */
export const systemRandom: Random = () => {
  if (used === drawn.length) {
    crypto.getRandomValues(drawn)
    used = 0
  }
  const word = drawn[used] ?? 0
  used += 1
  return word / 2 ** 32
}

/** Safe in a URL, a header and a file name. */
const idCharacters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_'

/** An id of 22 characters of 64: 132 bits, behind the name of the node that has the session. */
export function makeSessionId(nodeName: string, random: Random): string {
  return joinId([nodeName, '.', ...draw(random, 22, 64)])
}

/** An id of 132 bits for a request to another node. */
export function makeRequestId(random: Random): string {
  return joinId(draw(random, 22, 64))
}

/** A name of 8 characters of 0-9 and a-z: of 10,000 nodes two have the same with a chance of 2 in 100,000. */
export function makeNodeName(random: Random): string {
  return joinId(draw(random, 8, 36))
}

function draw(random: Random, length: number, base: number): string[] {
  return Array.from({ length }, () => idCharacters[Math.floor(random() * base)] ?? '0')
}

/** V8 keeps a text that was put together piece by piece as its pieces. */
function joinId(parts: readonly string[]): string {
  return parts.join('')
}

/** A whole number from `from` to `to`, both included. */
export function pickBetween(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1))
}
