// Values in error messages: short, on one line, unmistakably quoted.
// Each room has its own: wire and log import nothing, and export only what they own (ARCHITECTURE.md, "Rooms").

const shownMax = 80

/** `text` as a JSON string, cut after 80 characters. */
export function quote(text: string): string {
  return text.length <= shownMax
    ? JSON.stringify(text)
    : `${JSON.stringify(text.slice(0, shownMax))}… (${text.length} characters)`
}

/** Any value: text quoted, numbers and words as they are, of everything else only what it is. Nothing is asked of it, so it cannot throw. */
export function quoteValue(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' || typeof value === 'symbol'
    ? `a ${typeof value}`
    : String(value)
}
