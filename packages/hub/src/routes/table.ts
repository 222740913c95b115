// Every route of the hub, one row each.

import { denyAddress, listAddresses, releaseAddress } from './addresses.ts'
import { closeSession, openSession } from './cookie-session.ts'
import { consumerRoutes } from './consumers.ts'
import { explainAccess } from './explain.ts'
import { answerLive, answerReady } from './health.ts'
import { readHead, readHistory } from './history.ts'
import { deleteKey } from './keys.ts'
import { answerOptions } from './options.ts'
import { servePageFile } from './page.ts'
import { readPresence } from './presence.ts'
import { answerMetadata } from './protected-resource.ts'
import { publishEvents, publishToTopic } from './publish.ts'
import { addRevocation, listRevocations } from './revocations.ts'
import type { RouteRow } from './route-table.ts'
import { RouteTable, listMethods } from './route-table.ts'
import { sendEvent } from './send.ts'
import { ruleRoutes } from './rules.ts'
import { scheduledRoutes } from './scheduled.ts'
import { changeSession, endSession, sendToSession } from './sessions.ts'
import { answerStats } from './stats.ts'
import { traceEvent } from './trace.ts'
import { issueTicket, redirectToStream } from './tickets.ts'
import { listWebhookDeliveries, listWebhooks, replayWebhook } from './webhooks.ts'
import { subscribeByBody, subscribeByQuery } from './subscribe.ts'

const pageFiles = {
  index: servePageFile('index.html', 'text/html; charset=utf-8'),
  script: servePageFile('page.js', 'text/javascript; charset=utf-8'),
  access: servePageFile('access.js', 'text/javascript; charset=utf-8'),
  style: servePageFile('page.css', 'text/css; charset=utf-8'),
}

/** Rows for those who run the hub. */
const forAdmins = { crossSite: 'refused', permission: 'admin' } as const

/**
 * A page whose origin is not in `cors.origins` may not send requests that change something, nor a GET that
 * costs a write or a session. An `<img>` in any page could request those again and again.
 */
const pathRows: readonly RouteRow[] = [
  { method: 'GET', path: '/events', route: subscribeByQuery, crossSite: 'refused' },
  { method: 'POST', path: '/events', route: subscribeByBody, crossSite: 'refused' },
  { method: 'POST', path: '/publish', route: publishEvents, crossSite: 'refused' },
  { method: 'POST', path: '/send', route: sendEvent, crossSite: 'refused' },
  { method: 'GET', path: '/topics/{topic}', route: readHistory, crossSite: 'anonymous' },
  { method: 'HEAD', path: '/topics/{topic}', route: readHead, crossSite: 'anonymous' },
  { method: 'POST', path: '/topics/{topic}', route: publishToTopic, crossSite: 'refused' },
  { method: 'DELETE', path: '/topics/{topic}/keys/{key}', route: deleteKey, crossSite: 'refused' },
  { method: 'GET', path: '/scheduled', route: scheduledRoutes.list, crossSite: 'refused' },
  { method: 'GET', path: '/scheduled/{id}', route: scheduledRoutes.show, crossSite: 'anonymous' },
  {
    method: 'DELETE',
    path: '/scheduled/{id}',
    route: scheduledRoutes.cancel,
    crossSite: 'refused',
  },
  { method: 'GET', path: '/presence/{topic}', route: readPresence, crossSite: 'anonymous' },
  { method: 'POST', path: '/sessions/{id}', route: sendToSession, crossSite: 'refused' },
  { method: 'PATCH', path: '/sessions/{id}', route: changeSession, crossSite: 'refused' },
  { method: 'DELETE', path: '/sessions/{id}', route: endSession, crossSite: 'refused' },
  { method: 'POST', path: '/session', route: openSession, crossSite: 'refused' },
  { method: 'DELETE', path: '/session', route: closeSession, crossSite: 'refused' },
  { method: 'POST', path: '/tickets', route: issueTicket, crossSite: 'refused' },
  { method: 'GET', path: '/tickets/redirect', route: redirectToStream, crossSite: 'refused' },
  { method: 'GET', path: '/consumers', route: consumerRoutes.list, crossSite: 'refused' },
  { method: 'PUT', path: '/consumers/{name}', route: consumerRoutes.reset, crossSite: 'refused' },
  {
    method: 'DELETE',
    path: '/consumers/{name}',
    route: consumerRoutes.remove,
    crossSite: 'refused',
  },
  { method: 'GET', path: '/admin/revocations', route: listRevocations, ...forAdmins },
  { method: 'POST', path: '/admin/revocations', route: addRevocation, ...forAdmins },
  { method: 'GET', path: '/livez', route: answerLive, crossSite: 'allowed' },
  { method: 'GET', path: '/health', route: answerLive, crossSite: 'allowed' },
  { method: 'GET', path: '/readyz', route: answerReady, crossSite: 'refused' },
  { method: 'GET', path: '/stats', route: answerStats, ...forAdmins },
  { method: 'GET', path: '/admin/addresses', route: listAddresses, ...forAdmins },
  { method: 'POST', path: '/admin/addresses', route: denyAddress, ...forAdmins },
  { method: 'DELETE', path: '/admin/addresses', route: releaseAddress, ...forAdmins },
  { method: 'GET', path: '/admin/explain', route: explainAccess, ...forAdmins },
  { method: 'GET', path: '/admin/trace', route: traceEvent, ...forAdmins },
  { method: 'GET', path: '/admin/webhooks', route: listWebhooks, ...forAdmins },
  {
    method: 'GET',
    path: '/admin/webhooks/{id}/deliveries',
    route: listWebhookDeliveries,
    ...forAdmins,
  },
  { method: 'POST', path: '/admin/webhooks/{id}/replay', route: replayWebhook, ...forAdmins },
  { method: 'GET', path: '/admin/rules', route: ruleRoutes.list, ...forAdmins },
  { method: 'GET', path: '/admin/rules/{name}', route: ruleRoutes.show, ...forAdmins },
  { method: 'PUT', path: '/admin/rules/{name}', route: ruleRoutes.replace, ...forAdmins },
  {
    method: 'GET',
    path: '/.well-known/oauth-protected-resource',
    route: answerMetadata,
    crossSite: 'allowed',
  },
  {
    method: 'GET',
    path: '/.well-known/oauth-protected-resource/{rest}',
    route: answerMetadata,
    crossSite: 'allowed',
  },
  { method: 'GET', path: '/', route: pageFiles.index, crossSite: 'allowed' },
  { method: 'GET', path: '/page.js', route: pageFiles.script, crossSite: 'allowed' },
  { method: 'GET', path: '/access.js', route: pageFiles.access, crossSite: 'allowed' },
  { method: 'GET', path: '/page.css', route: pageFiles.style, crossSite: 'allowed' },
]

export const routeRows: readonly RouteRow[] = [
  ...pathRows,
  {
    method: 'OPTIONS',
    path: '*',
    route: answerOptions(listMethods([...pathRows.map(({ method }) => method), 'OPTIONS'])),
    crossSite: 'allowed',
  },
]

export const routeTable: RouteTable = new RouteTable(routeRows)
