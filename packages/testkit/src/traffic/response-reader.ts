// A strict reader of one HTTP/1.1 response (RFC 9112): a byte out of place in a chunk is an error, not a guess.

/** What it reads into. */
interface ResponseHandler {
  opened(status: number, headers: ReadonlyMap<string, string>): void
  bytes(chunk: Uint8Array): void
}

type Place = 'status' | 'headers' | 'body' | 'size' | 'data' | 'data-end' | 'trailer' | 'done'

/** Lines of a response: the longest header a hub sends has some hundred bytes. */
const lineLengthMax = 8 * 1024

/** Reads a response in parts that are cut anywhere; throws at the first byte that must not be there. */
export class ResponseReader {
  readonly #handler: ResponseHandler
  readonly #headers = new Map<string, string>()
  #place: Place = 'status'
  #status = 0
  #line = ''
  #left = 0

  constructor(handler: ResponseHandler) {
    this.#handler = handler
  }

  /** Whether the whole response has been read; its connection may stay open. */
  get isDone(): boolean {
    return this.#place === 'done'
  }

  push(part: Buffer): void {
    for (let at = 0; at < part.length;) {
      if (this.#place === 'done')
        throw new Error(`Got bytes behind the last chunk: ${excerpt(part, at)}.`)
      if (this.#place === 'body') {
        this.#handler.bytes(part.subarray(at))
        return
      }
      at = this.#place === 'data' ? this.#readData(part, at) : this.#readLine(part, at)
    }
  }

  #readData(part: Buffer, at: number): number {
    const end = Math.min(part.length, at + this.#left)
    this.#left -= end - at
    if (this.#left === 0) this.#place = 'data-end'
    this.#handler.bytes(part.subarray(at, end))
    return end
  }

  #readLine(part: Buffer, at: number): number {
    const lineFeed = part.indexOf(0x0a, at)
    const end = lineFeed === -1 ? part.length : lineFeed + 1
    this.#line += part.toString('latin1', at, end)
    if (this.#line.length > lineLengthMax)
      throw new Error(`Got no line end in ${lineLengthMax} bytes.`)
    if (lineFeed === -1) return end
    const line = this.#line
    this.#line = ''
    if (!line.endsWith('\r\n')) throw new Error(`Got a line without CR: ${JSON.stringify(line)}.`)
    this.#takeLine(line.slice(0, -2))
    return end
  }

  #takeLine(line: string): void {
    if (this.#place === 'status') this.#takeStatus(line)
    else if (this.#place === 'headers') this.#takeHeader(line)
    else if (this.#place === 'size') this.#takeSize(line)
    else if (line !== '') throw new Error(`Got ${JSON.stringify(line)} where a chunk ends.`)
    else this.#place = this.#place === 'trailer' ? 'done' : 'size'
  }

  #takeStatus(line: string): void {
    const match = /^HTTP\/1\.1 (\d{3}) /.exec(line)
    if (match === null) throw new Error(`Got no status line but ${JSON.stringify(line)}.`)
    this.#status = Number(match[1])
    this.#place = 'headers'
  }

  #takeHeader(line: string): void {
    if (line !== '') {
      const colon = line.indexOf(':')
      this.#headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
      return
    }
    this.#place = this.#headers.get('transfer-encoding') === 'chunked' ? 'size' : 'body'
    this.#handler.opened(this.#status, this.#headers)
  }

  #takeSize(line: string): void {
    if (!/^[0-9a-f]{1,8}$/i.test(line))
      throw new Error(`Got ${JSON.stringify(line)} as a chunk's size.`)
    this.#left = Number.parseInt(line, 16)
    this.#place = this.#left === 0 ? 'trailer' : 'data'
  }
}

function excerpt(part: Buffer, at: number): string {
  return JSON.stringify(part.toString('latin1', at, at + 60))
}
