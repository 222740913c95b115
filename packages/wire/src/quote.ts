// Values in error messages: short, on one line, unmistakably quoted.
// wire and log have the same file, as neither imports the other.
// `tools/test/layering.test.ts` keeps the two alike.

const shownMax = 80

/** `text` as a JSON string, cut after 80 characters. */
export function quote(text: string): string {
  if (typeof text !== 'string') return quoteValue(text)
  return text.length <= shownMax
    ? JSON.stringify(text)
    : `${JSON.stringify(text.slice(0, shownMax))}… (${text.length} characters)`
}

/**
 * Any value: text is quoted, and numbers and words stay as they are. Of everything else the text
 * says only its kind, however large or deep. The function cannot throw, whatever a value does when
 * it is looked at.
 */
export function quoteValue(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'object' && value !== null) {
    const length = countItems(value)
    return length === undefined ? 'an object' : `an array of ${length}`
  }
  return typeof value === 'function' || typeof value === 'symbol'
    ? `a ${typeof value}`
    : String(value)
}

function countItems(value: object): number | undefined {
  try {
    return Array.isArray(value) ? value.length : undefined
  } catch {
    return undefined
  }
}
