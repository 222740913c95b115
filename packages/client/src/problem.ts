// A server's explanation of a refusal: problem+json, RFC 9457.

/** A server's explanation of a refusal. Every member is absent when the server did not send it as text. */
export interface Problem {
  /** The server's stable name of the refusal, such as `TOPIC_INVALID`. */
  readonly code?: string
  readonly title?: string
  /** A sentence on what was wrong and one on what to do. */
  readonly detail?: string
}

/** Reads problem+json; undefined when the text is not a JSON object. */
export function parseProblem(text: string): Problem | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? pickProblem(value) : undefined
  } catch {
    return undefined
  }
}

function pickProblem(value: object): Problem {
  const problem: { code?: string; title?: string; detail?: string } = {}
  for (const name of ['code', 'title', 'detail'] as const) {
    const member: unknown = Reflect.get(value, name)
    if (typeof member === 'string') problem[name] = member
  }
  return problem
}
