// `POST /session` and `DELETE /session`: a token is traded for a cookie, and ends.

import { sendAnswer } from '@tidemark/server/hub'
import { describeRequest } from '@tidemark/server/node'
import type { NodeResponse } from '@tidemark/server/node'
import { readQuery } from './query.ts'
import { requireCookies } from './require-access.ts'
import type { Route } from './route.ts'

/** Trades the token of the Authorization header for a cookie that no script can read. */
export const openSession: Route = async ({ request, response, query }, context) => {
  readQuery(query, [])
  const { setCookie } = await requireCookies(context).openSession(describeRequest(request))
  sendCookie(response, setCookie)
}

/** Takes the cookie away, and ends the streams that rest on its token, on every node. */
export const closeSession: Route = async ({ request, response, query }, context) => {
  readQuery(query, [])
  const { setCookie } = await requireCookies(context).closeSession(describeRequest(request))
  sendCookie(response, setCookie)
}

function sendCookie(response: NodeResponse, setCookie: string): void {
  const headers = { 'Cache-Control': 'no-store', 'Set-Cookie': setCookie }
  sendAnswer(response, { status: 204, headers, body: new Uint8Array() })
}
