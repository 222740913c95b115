// Values in error messages: short, on one line, unmistakably quoted.

const shownMax = 80

/** `text` as a JSON string, cut after 80 characters. */
export function quote(text: string): string {
  return text.length <= shownMax
    ? JSON.stringify(text)
    : `${JSON.stringify(text.slice(0, shownMax))}… (${text.length} characters)`
}

/** Any value as JSON, cut after 80 characters; what JSON has no word for by its type. */
export function quoteValue(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) return typeof value
  return text.length <= shownMax ? text : `${text.slice(0, shownMax)}…`
}
