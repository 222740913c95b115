// `POST /tickets` and `GET /tickets/redirect`: a ticket for a client that cannot send headers with a stream.

import { sendAnswer } from '@tidemark/server/hub'
import { describeRequest } from '@tidemark/server/node'
import { requireAccess } from './require-access.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Answers with the ticket, and with the URL of a stream whose query is that of this request. */
export const issueTicket: Route = async ({ request, response }, context) => {
  sendJson(response, 200, await requireAccess(context).issueTicket(describeRequest(request)))
}

/** Leads to the stream. The path is relative, because a proxy may have put another one before it. */
export const redirectToStream: Route = async ({ request, response }, context) => {
  const access = requireAccess(context)
  const { url } = await access.issueTicket(describeRequest(request), '../events')
  const headers = { Location: url, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }
  sendAnswer(response, { status: 303, headers, body: new Uint8Array() })
}
