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
  return makeId(`${nodeName}.`, random)
}

/** An id of 132 bits for a request to another node. */
export function makeRequestId(random: Random): string {
  return makeId('', random)
}

/** A name of 8 characters of 0-9 and a-z: of 10,000 nodes two have the same with a chance of 2 in 100,000. */
export function makeNodeName(random: Random): string {
  return Array.from({ length: 8 }, () => idCharacters[Math.floor(random() * 36)]).join('')
}

/** Five characters of six bits come of each number: less than the 32 bits that it has. */
const charactersEach = 5
const numbersEach = 64 ** charactersEach
/** One list for all ids: V8 keeps a text that was put together piece by piece as its pieces. */
const codes: number[] = []

function makeId(prefix: string, random: Random): string {
  const length = prefix.length + 22
  if (codes.length !== length) codes.length = length
  for (let i = 0; i < prefix.length; i++) codes[i] = prefix.charCodeAt(i)
  let bits = 0
  for (let i = 0; i < 22; i++) {
    bits = i % charactersEach === 0 ? Math.floor(random() * numbersEach) : bits >> 6
    codes[prefix.length + i] = idCharacters.charCodeAt(bits & 63)
  }
  return String.fromCharCode(...codes)
}

/** A whole number from `from` to `to`, both included. */
export function pickBetween(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1))
}
