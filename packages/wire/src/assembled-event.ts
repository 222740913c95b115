// An event as the decoder hands it over: its other fields stay lines until somebody asks for them.

import type { DecodedEvent } from './decoder-handler.ts'

/** A map per event would take a fifth of the time of decoding it; bench/wire.ts, "topic line". */
export class AssembledEvent implements DecodedEvent {
  readonly id: string
  readonly type: string
  readonly data: string
  /** Name, value, name, value, …; no name twice. Undefined once they are in the map. */
  #lines: readonly string[] | undefined
  #fields: ReadonlyMap<string, string> | undefined

  constructor(head: Omit<DecodedEvent, 'fields'>, fieldLines: readonly string[] | undefined) {
    this.id = head.id
    this.type = head.type
    this.data = head.data
    this.#lines = fieldLines
  }

  get fields(): ReadonlyMap<string, string> | undefined {
    if (this.#lines !== undefined) {
      this.#fields = mapLines(this.#lines)
      this.#lines = undefined
    }
    return this.#fields
  }
}

function mapLines(lines: readonly string[]): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (let i = 0; i < lines.length; i += 2) fields.set(lines[i] ?? '', lines[i + 1] ?? '')
  return fields
}
