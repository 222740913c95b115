// Why an answer is no event stream, in the server's own words where it gives some.

import { refusalCharactersMax } from './limits.ts'
import type { ResponseHead } from './answer-reader.ts'

/** Gathers a refusal's body. */
export class RefusalReader {
  readonly #head: ResponseHead
  #body = ''

  constructor(head: ResponseHead) {
    this.#head = head
  }

  get status(): number {
    return this.#head.status
  }

  push(slice: Uint8Array): void {
    const room = refusalCharactersMax - this.#body.length
    if (room > 0) this.#body += Buffer.from(slice.subarray(0, room)).toString('utf8')
  }

  /** `status 503: The hub is full. …` */
  get reason(): string {
    const { status, fields } = this.#head
    if (status !== 200) {
      const detail = readDetail(this.#body)
      return detail === undefined ? `status ${status}` : `status ${status}: ${detail}`
    }
    const encoding = fields.get('content-encoding')
    const type = fields.get('content-type') ?? 'none'
    return /^text\/event-stream/i.test(type)
      ? `content encoding ${encoding ?? ''}, which was not asked for`
      : `content type ${type}, not text/event-stream`
  }
}

/** The explanation of problem+json, RFC 9457. */
export function readDetail(body: string): string | undefined {
  try {
    const problem: unknown = JSON.parse(body)
    if (typeof problem !== 'object' || problem === null) return undefined
    const detail: unknown = Reflect.get(problem, 'detail') ?? Reflect.get(problem, 'title')
    return typeof detail === 'string' ? detail : undefined
  } catch {
    return undefined
  }
}
