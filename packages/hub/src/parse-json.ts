// JSON of strangers: parsed, or an error that says where it stops being JSON.

import { ServerError } from '@tidemark/server'
import { jsonLevelsMax } from './limits.ts'
import { nestsDeeper } from './raw-json.ts'

/**
 * Parses JSON; a leading byte order mark is allowed.
 * @throws ServerError `BODY_NOT_JSON`, also for JSON nested deeper than 1,000 levels
 */
export function parseJson(text: string, where: string = 'The body'): unknown {
  if (nestsDeeper(text, jsonLevelsMax)) {
    throw new ServerError(
      'BODY_NOT_JSON',
      `${where} nests arrays and objects more than ${jsonLevelsMax} levels deep, deeper than many readers can follow.`,
    )
  }
  try {
    return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ServerError('BODY_NOT_JSON', `${where} is not JSON: ${reason}.`, {
      cause: error,
    })
  }
}
