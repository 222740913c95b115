// Every message of this project says what is wrong, and then what to do. An explanation shows the two apart.

/** Both parts of a message; without advice the second one is undefined. */
export function splitAdvice(message: string): {
  readonly detail: string
  readonly advice: string | undefined
} {
  // A sentence ends at a full stop before a capital: `auth.issuer` and `1.5 s` have none. What others have
  // chosen stands in quotes, and is passed over.
  const end = /^(?:"(?:[^"\\]|\\.)*"|(?![.?] \p{Lu}).)*[.?](?= \p{Lu})/su.exec(message)
  if (end === null) return { detail: message, advice: undefined }
  const [detail] = end
  return { detail, advice: message.slice(detail.length + 1) }
}
