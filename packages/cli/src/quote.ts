// Values in error messages: short, on one line, unmistakably quoted.

const shownMax = 80

/** `text` as a JSON string, cut after 80 characters. */
export function quote(text: string): string {
  return text.length <= shownMax
    ? JSON.stringify(text)
    : `${JSON.stringify(text.slice(0, shownMax))}… (${text.length} characters)`
}
