// Every message of this project says what is wrong, and at its end what to do. An explanation shows the two
// apart.

/** A sentence ends at a full stop before a capital: `auth.issuer` and `1.5 s` have none. */
const sentenceEnd = /"(?:[^"\\]|\\.)*"|[.?] (?=\p{Lu})/gu

/** Both parts of a message; a message of one sentence has no advice. */
export function splitAdvice(message: string): {
  readonly detail: string
  readonly advice: string | undefined
} {
  // Text in quotes was chosen by others, and is passed over.
  const end = [...message.matchAll(sentenceEnd)].findLast(([text]) => !text.startsWith('"'))
  if (end === undefined) return { detail: message, advice: undefined }
  const { index } = end
  return { detail: message.slice(0, index + 1), advice: message.slice(index + 2) }
}
