// Where randomness comes from; tests hand in a seeded one.

/** Uniform in [0, 1). */
export type Random = () => number

/** The platform's cryptographic generator: session ids must not be guessable. */
export const systemRandom: Random = () => {
  const words = crypto.getRandomValues(new Uint32Array(1))
  return (words[0] ?? 0) / 2 ** 32
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
