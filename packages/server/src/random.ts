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

/** An id of 16 characters of 0-9 and a-z: 36^16, about 83 bits. */
export function makeSessionId(random: Random): string {
  let text = ''
  for (let i = 0; i < 16; i++) text += Math.floor(random() * 36).toString(36)
  return text
}

/** A whole number from `from` to `to`, both included. */
export function pickBetween(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1))
}
