// The composition root where there is no `node:http`: Workers, Deno, Bun.

import { Tidemark } from '../tidemark.ts'
import { readOptions } from '../tidemark-options.ts'
import type { TidemarkOptions } from '../tidemark-options.ts'

/**
 * Makes a node that answers requests of the Fetch API, in any runtime.
 * @throws ServerError `OPTION_INVALID`
 *
 * @example
 * ```ts
 * import { createTidemark } from '@tidemark/server/fetch'
 *
 * const tide = createTidemark()
 * export const GET = (request: Request) => tide.fetch(request, { topics: ['news'] })
 * ```
 */
export function createTidemark(options?: TidemarkOptions): Tidemark {
  return new Tidemark(readOptions(options))
}
