// `OPTIONS *`: what the hub as a whole takes (RFC 9110 §9.3.7).

import { sendAnswer } from '@tidemark/server/hub'
import type { Route } from './route.ts'

/**
 * A route that answers without a body, with the methods of all rows; each path says in its own `Allow`
 * what it takes.
 */
export function answerOptions(methods: string): Route {
  return async ({ response }) => {
    sendAnswer(response, { status: 204, headers: { Allow: methods }, body: new Uint8Array() })
  }
}
