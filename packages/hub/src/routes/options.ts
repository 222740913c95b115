// `OPTIONS *`: what the hub as a whole takes (RFC 9110 §9.3.7).

import { sendAnswer } from '@tidemark/server/hub'
import type { Route } from './route.ts'

/** Answers without a body; each path says in its own `Allow` what it takes. */
export const answerOptions: Route = async ({ response }) => {
  sendAnswer(response, {
    status: 204,
    headers: { Allow: 'GET, HEAD, POST, OPTIONS' },
    body: new Uint8Array(),
  })
}
