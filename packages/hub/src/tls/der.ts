// DER, as much of it as a certificate needs (ITU-T X.690). It only writes: nothing that others sent is read.

/** One element: its tag, its length, its content. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag, ...encodeLength(content.length)]), content])
}

/** Short form below 128, else the number of bytes and the bytes (§8.1.3). */
function encodeLength(length: number): readonly number[] {
  if (length < 128) return [length]
  const bytes = toBytes(length)
  return [0x80 | bytes.length, ...bytes]
}

function toBytes(value: number): readonly number[] {
  return value < 256 ? [value] : [...toBytes(Math.floor(value / 256)), value % 256]
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(0x30, ...parts)
}

export function set(...parts: readonly Uint8Array[]): Buffer {
  return element(0x31, ...parts)
}

/** A positive number by its bytes. The first bit would be the sign. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0)
  const least = first === -1 ? Buffer.alloc(1) : bytes.subarray(first)
  return element(0x02, Buffer.alloc((least[0] ?? 0) > 127 ? 1 : 0), least)
}

export const yes: Buffer = element(0x01, Buffer.from([0xff]))

/** Whole bytes; `unused` bits at the end do not count. */
export function bitString(bytes: Uint8Array, unused: number = 0): Buffer {
  return element(0x03, Buffer.from([unused]), bytes)
}

export function octetString(...parts: readonly Uint8Array[]): Buffer {
  return element(0x04, ...parts)
}

/** `1.2.840.10045.4.3.2`: the first two numbers share a byte, seven bits a byte after that (§8.19). */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [40 * first + second, ...rest].flatMap((number) => {
    const septets = [number % 128]
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128)) {
      septets.unshift(0x80 | (left % 128))
    }
    return septets
  })
  return element(0x06, Buffer.from(bytes))
}

export function utf8(text: string): Buffer {
  return element(0x0c, Buffer.from(text))
}

/** To the second, in UTC, until 2049 (RFC 5280 §4.1.2.5.1). */
export function utcTime(timeMs: number): Buffer {
  const digits = new Date(timeMs).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)
  return element(0x17, Buffer.from(`${digits}Z`))
}
