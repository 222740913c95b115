// JSON of strangers: parsed, or an error that says where it stops being JSON.

import { HubError } from './errors.ts'

/**
 * Parses JSON; a leading byte order mark is allowed.
 * @throws HubError `BODY_NOT_JSON`
 */
export function parseJson(text: string, where: string = 'The body'): unknown {
  try {
    return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new HubError('BODY_NOT_JSON', `${where} is not JSON: ${reason}. Nothing was published.`, {
      cause: error,
    })
  }
}
