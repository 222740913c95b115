// Values in error messages: short, on one line, unmistakably quoted.
// Each room has its own: wire and log import nothing, and export only what they own (ARCHITECTURE.md, "Rooms").

const shownMax = 80

/** `text` as a JSON string, cut after 80 characters. */
export function quote(text: string): string {
  return text.length <= shownMax
    ? JSON.stringify(text)
    : `${JSON.stringify(text.slice(0, shownMax))}… (${text.length} characters)`
}
