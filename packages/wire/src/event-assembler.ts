// Makes events of lines.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

import { AssembledEvent } from './assembled-event.ts'
import type { DecoderHandler } from './decoder-handler.ts'
import { WireError } from './errors.ts'
import { fieldsMax } from './limits.ts'
import type { LineSink } from './line-splitter.ts'
import { TextParts } from './text-parts.ts'

const SPACE = 32
const COLON = 58
const A = 97
const D = 100
const E = 101
const I = 105
const N = 110
const T = 116
const V = 118

/** Holds the buffers of the specification: data, event type and last event id. */
export class EventAssembler implements LineSink {
  readonly #handler: DecoderHandler
  readonly #eventCharactersMax: number
  /** Sent by the last blank line: what a reconnect says. */
  #lastEventId: string
  /** Set by an `id` line; becomes the last event id at the next blank line. */
  #idBuffer: string
  #type = ''
  /** The first data line; undefined = the event has none. */
  #data: string | undefined
  /** All data lines, once there is a second. */
  readonly #dataLines = new TextParts('\n')
  #hasDataLines = false
  /** Lines of other names: name, value, name, value, … */
  #fields: string[] | undefined
  /** Characters of the event's lines so far; 0 = nothing of it is held. */
  #size = 0

  constructor(
    handler: DecoderHandler,
    options: { lastEventId: string; eventCharactersMax: number },
  ) {
    this.#handler = handler
    this.#eventCharactersMax = options.eventCharactersMax
    this.#lastEventId = options.lastEventId
    this.#idBuffer = options.lastEventId
  }

  get lastEventId(): string {
    return this.#lastEventId
  }

  line(text: string, start: number, end: number): void {
    const first = text.charCodeAt(start)
    if (first === COLON) {
      this.#comment(text, start, end)
      return
    }
    this.#grow(end - start + 1)
    if (first === D && isDataAt(text, start))
      this.#addData(text.slice(valueStart(text, start + 5), end))
    else if (first === I && isIdAt(text, start))
      this.#setId(text.slice(valueStart(text, start + 3), end))
    else if (first === E && isEventAt(text, start))
      this.#type = text.slice(valueStart(text, start + 6), end)
    else this.#rareField(text, start, end)
  }

  blank(): void {
    const data = this.#data
    const type = this.#type
    const fields = this.#fields
    this.#size = 0
    this.#type = ''
    this.#fields = undefined
    if (data === undefined) {
      this.#moveId()
      return
    }
    this.#data = undefined
    this.#lastEventId = this.#idBuffer
    const head = {
      id: this.#lastEventId,
      type: type === '' ? 'message' : type,
      data: this.#hasDataLines ? this.#takeDataLines() : data,
    }
    this.#handler.event(new AssembledEvent(head, fields))
  }

  /** The end of an event without data, which is not dispatched but may move the last event id. */
  #moveId(): void {
    if (this.#idBuffer === this.#lastEventId) return
    this.#lastEventId = this.#idBuffer
    this.#handler.id?.(this.#lastEventId)
  }

  /** Lets go of the event in progress. */
  drop(): void {
    this.#data = undefined
    this.#fields = undefined
    this.#takeDataLines()
  }

  #addData(value: string): void {
    if (this.#data === undefined) {
      this.#data = value
      return
    }
    if (!this.#hasDataLines) {
      this.#hasDataLines = true
      this.#dataLines.push(this.#data)
    }
    this.#dataLines.push(value)
  }

  #takeDataLines(): string {
    this.#hasDataLines = false
    return this.#dataLines.take()
  }

  #setId(value: string): void {
    if (!value.includes('\0')) this.#idBuffer = value
  }

  #comment(text: string, start: number, end: number): void {
    // A comment beside a held event counts too, because slices of the event may keep its whole
    // chunk in memory. A comment alone does not count: a server may send comments without a blank
    // line for a year.
    if (this.#size > 0) this.#grow(end - start + 1)
    this.#handler.comment?.(text.slice(valueStart(text, start + 1), end))
  }

  /** All but the usual spelling of `data`, `id` and `event`: other names, and names without a colon. */
  #rareField(text: string, start: number, end: number): void {
    // Not `indexOf`: in a chunk of lines without colons it would search to the chunk's end for
    // every line.
    let colon = start
    while (colon < end && text.charCodeAt(colon) !== COLON) colon++
    const name = text.slice(start, colon)
    const value = colon === end ? '' : text.slice(valueStart(text, colon + 1), end)
    switch (name) {
      case 'data':
        this.#addData(value)
        break
      case 'id':
        this.#setId(value)
        break
      case 'event':
        this.#type = value
        break
      case 'retry':
        this.#retry(value)
        break
      default:
        this.#addField(name, value)
    }
  }

  #retry(value: string): void {
    if (!/^[0-9]+$/.test(value)) return
    this.#handler.retry?.(Math.min(Number(value), Number.MAX_SAFE_INTEGER))
  }

  #addField(name: string, value: string): void {
    const fields = this.#fields
    if (fields === undefined) {
      this.#fields = [name, value]
      return
    }
    for (let i = 0; i < fields.length; i += 2) {
      if (fields[i] === name) {
        fields[i + 1] = value
        return
      }
    }
    if (fields.length < 2 * fieldsMax) fields.push(name, value)
  }

  #grow(length: number): void {
    this.#size += length
    if (this.#size > this.#eventCharactersMax) throw this.#tooLarge()
  }

  #tooLarge(): WireError {
    return new WireError(
      'EVENT_TOO_LARGE',
      `An event may have ${this.#eventCharactersMax} characters at most; got ${this.#size} or more. Raise eventCharactersMax if the sender is trusted.`,
    )
  }
}

/** After the colon one space is dropped. */
function valueStart(text: string, afterColon: number): number {
  return text.charCodeAt(afterColon) === SPACE ? afterColon + 1 : afterColon
}

// Character by character because `startsWith` costs a call per line; bench/wire.ts, "many small events".
// None of the names holds a line break, so a match never reaches into the next line.

function isDataAt(text: string, at: number): boolean {
  return (
    text.charCodeAt(at + 1) === A &&
    text.charCodeAt(at + 2) === T &&
    text.charCodeAt(at + 3) === A &&
    text.charCodeAt(at + 4) === COLON
  )
}

function isIdAt(text: string, at: number): boolean {
  return text.charCodeAt(at + 1) === D && text.charCodeAt(at + 2) === COLON
}

function isEventAt(text: string, at: number): boolean {
  return (
    text.charCodeAt(at + 1) === V &&
    text.charCodeAt(at + 2) === E &&
    text.charCodeAt(at + 3) === N &&
    text.charCodeAt(at + 4) === T &&
    text.charCodeAt(at + 5) === COLON
  )
}
