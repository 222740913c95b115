// The checksum of a stream put together from those of its pieces, so that shared pieces are summed up once
// for all streams.

/** The polynomial of CRC-32 (RFC 1952 §8), lowest power first: bit 31 is x^0. */
const polynomial = 0xedb88320

/** x^0. */
const one = 0x80000000

/** How a checksum moves on over a piece of a certain length: x^(8 × length) modulo the polynomial. */
export type Crc32Shift = number

/** The shift over `length` bytes, by squaring: 32 steps for the longest piece. */
export function shiftOver(length: number): Crc32Shift {
  let shift = one
  // x^8
  let power = 0x00800000
  for (let rest = length; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) shift = multiply(power, shift)
    power = multiply(power, power)
  }
  return shift
}

/** The checksum of a stream after a piece, from that before it, the piece's own and its length's shift. */
export function appendCrc32(before: number, piece: number, shift: Crc32Shift): number {
  return (multiply(shift, before) ^ piece) >>> 0
}

/** Product of two polynomials modulo that of CRC-32. */
function multiply(a: number, b: number): number {
  let product = 0
  let factor = b
  for (let bit = one; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= factor
    factor = (factor & 1) === 0 ? factor >>> 1 : (factor >>> 1) ^ polynomial
  }
  return product >>> 0
}
