// The text at the start of an event's data, which tells a receiver its number and when it was sent.

/** Digits, dots and hyphens only: a marker comes through JSON, forms and URLs as it is. */
const prefix = 'tidemark.'

/** The number and times of one event. */
export interface Marker {
  readonly topic: number
  /** 1, 2, 3, … per topic. 0 is the try before the load. */
  readonly sequence: number
  /** All numbers of the topic up to this one had been answered when this one was sent: they come first. */
  readonly settled: number
  /** When it was due, in microseconds since the run's origin. */
  readonly dueMicros: number
  /** When it was sent, in microseconds since the run's origin. */
  readonly sentMicros: number
}

/** The data of an event: its marker, filled up to `bytes`. */
export function writeMarker(runId: string, marker: Marker, bytes: number): string {
  const { topic, sequence, settled, dueMicros, sentMicros } = marker
  const due = Math.round(dueMicros)
  const times = `${due}.${Math.max(0, Math.round(sentMicros) - due)}`
  return `${prefix}${runId}.${topic}.${sequence}.${settled}.${times}.`.padEnd(bytes, 'x')
}

/**
 * Reads markers of one run; the fields hold the last one read, so that a million a second cost no
 * objects.
 */
export class MarkerReader implements Marker {
  topic = 0
  sequence = 0
  settled = 0
  dueMicros = 0
  sentMicros = 0
  readonly #start: string
  #at = 0

  constructor(runId: string) {
    this.#start = `${prefix}${runId}.`
  }

  /** Whether `data` holds a marker of this run, anywhere: a server may wrap what was published. */
  read(data: string): boolean {
    const found = data.startsWith(this.#start) ? 0 : data.indexOf(this.#start)
    if (found === -1) return false
    this.#at = found + this.#start.length
    this.topic = this.#readNumber(data)
    this.sequence = this.#readNumber(data)
    this.settled = this.#readNumber(data)
    this.dueMicros = this.#readNumber(data)
    this.sentMicros = this.dueMicros + this.#readNumber(data)
    return this.#at !== -1
  }

  /** Digits up to a dot; what is cut off or anything else makes the marker none. */
  #readNumber(data: string): number {
    let value = 0
    for (let at = this.#at; at !== -1 && at < data.length; at++) {
      const digit = data.charCodeAt(at) - zeroCode
      if (digit === dotDigit) {
        this.#at = at + 1
        return value
      }
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    this.#at = -1
    return 0
  }
}

const zeroCode = '0'.charCodeAt(0)
const dotDigit = '.'.charCodeAt(0) - zeroCode
