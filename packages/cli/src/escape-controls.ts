// Text of strangers on an operator's terminal: what would steer the terminal or reorder the line is
// shown, not obeyed.

// C0 with ESC, DEL, C1 with the one-character CSI; line separators; marks that turn the reading
// direction (CVE-2021-42574).
const controls =
  // oxlint-disable-next-line no-control-regex -- finding control characters is the point
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** `text` on one line, every control character as `\n` or `\u001b`. Inside JSON it stays the same JSON. */
export function escapeControls(text: string): string {
  return text.replace(controls, (letter) => {
    return short[letter] ?? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
