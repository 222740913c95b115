// Where values stand in a JSON text, so that one can be passed on as it was written. A parsed number
// may lose digits, a parsed object the order of its members. Every function takes one step forward per
// character, whatever the text.

const quoteCode = 0x22
const backslashCode = 0x5c
const openings = [0x5b, 0x7b]
const closings = [0x5d, 0x7d]
const [openArray, openObject] = openings
const [closeArray, closeObject] = closings

/**
 * The place of the first character at or behind `at` that is no JSON whitespace; the text's length when
 * there is none.
 */
export function skipWhitespace(text: string, at: number): number {
  let end = at
  while (end < text.length && isWhitespace(text.charCodeAt(end))) end++
  return end
}

/**
 * The place behind the value that begins at `at`. In a text that is not JSON it is some place at or
 * behind `at`, such that what lies between is not JSON either.
 */
export function skipValue(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code === quoteCode) return skipString(text, at)
  return code === openArray || code === openObject ? skipNested(text, at) : skipWord(text, at)
}

/**
 * The value of a member of an object, as it is written. Of several members with the name it is the last
 * one's, as for `JSON.parse`, which must have accepted `text`.
 */
export function findRawMember(text: string, name: string): string | undefined {
  let found: string | undefined
  visitMembers(text, (written, start, end) => {
    if (isName(written, name)) found = text.slice(start, end)
  })
  return found
}

/**
 * The place of a name that stands twice in an object, of which `JSON.parse`, which must have accepted
 * `text`, drops one without a word. Looks into objects in objects, not into lists.
 */
export function findRepeatedName(text: string): readonly string[] | undefined {
  const seen = new Set<string>()
  let found: readonly string[] | undefined
  visitMembers(text, (written, start, end) => {
    if (found !== undefined) return
    const name = JSON.parse(written) as string
    const isObject = text.charCodeAt(start) === openObject
    const inner = isObject ? findRepeatedName(text.slice(start, end)) : undefined
    if (seen.has(name)) found = [name]
    else if (inner !== undefined) found = [name, ...inner]
    seen.add(name)
  })
  return found
}

/**
 * Visits the members of an object in order: the name as it is written, and where its value begins and
 * ends.
 */
function visitMembers(
  text: string,
  visit: (written: string, start: number, end: number) => void,
): void {
  let at = skipWhitespace(text, text.indexOf('{') + 1)
  while (text.charCodeAt(at) === quoteCode) {
    const nameEnd = skipString(text, at)
    const start = skipWhitespace(text, text.indexOf(':', nameEnd) + 1)
    const end = skipValue(text, start)
    visit(text.slice(at, nameEnd), start, end)
    const next = skipWhitespace(text, end)
    at = text[next] === ',' ? skipWhitespace(text, next + 1) : text.length
  }
}

/** Whether arrays and objects of a text stand in each other more than `levelsMax` deep. */
export function nestsDeeper(text: string, levelsMax: number): boolean {
  let levels = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quoteCode) at = skipString(text, at) - 1
    else if (code === openArray || code === openObject) {
      levels++
      if (levels > levelsMax) return true
    } else if (code === closeArray || code === closeObject) levels--
  }
  return false
}

function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}

/** `at` is the opening quote's place. */
function skipString(text: string, at: number): number {
  let end = text.indexOf('"', at + 1)
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end === -1 ? text.length : end + 1
}

function isEscaped(text: string, at: number): boolean {
  let before = at - 1
  while (text.charCodeAt(before) === backslashCode) before--
  return (at - before) % 2 === 0
}

function skipNested(text: string, from: number): number {
  let levels = 0
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quoteCode) at = skipString(text, at) - 1
    else if (code === openArray || code === openObject) levels++
    else if (code === closeArray || code === closeObject) {
      levels--
      if (levels === 0) return at + 1
    }
  }
  return text.length
}

/** A number, `true`, `false` or `null`. */
function skipWord(text: string, at: number): number {
  let end = at
  while (end < text.length && !endsWord(text.charCodeAt(end))) end++
  return end
}

function endsWord(code: number): boolean {
  return code === 0x2c || code === closeArray || code === closeObject || isWhitespace(code)
}

function isName(written: string, name: string): boolean {
  if (written === `"${name}"`) return true
  return written.includes('\\') && JSON.parse(written) === name
}
