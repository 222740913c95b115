// Which path and method goes to which route.

import { quote } from '@tidemark/server'
import { HubError } from '../errors.ts'
import { answerLive, answerReady } from './health.ts'
import { readHistory } from './history.ts'
import { answerOptions } from './options.ts'
import { servePageFile } from './page.ts'
import { publishEvents, publishToTopic } from './publish.ts'
import type { Route } from './route.ts'
import { subscribeByBody, subscribeByQuery } from './subscribe.ts'

type Methods = Readonly<Record<string, Route>>

/** Paths as a whole. */
const exact: ReadonlyMap<string, Methods> = new Map<string, Methods>([
  ['/events', { GET: subscribeByQuery, POST: subscribeByBody }],
  ['/publish', { POST: publishEvents }],
  ['/livez', { GET: answerLive }],
  ['/health', { GET: answerLive }],
  ['/readyz', { GET: answerReady }],
  ['/', { GET: servePageFile('index.html', 'text/html; charset=utf-8') }],
  ['/page.js', { GET: servePageFile('page.js', 'text/javascript; charset=utf-8') }],
  ['*', { OPTIONS: answerOptions }],
  ['/page.css', { GET: servePageFile('page.css', 'text/css; charset=utf-8') }],
])

/** Paths whose rest is a topic. */
const topicsPrefix = '/topics/'
const topicMethods: Methods = { GET: readHistory, POST: publishToTopic }

/** A route, and what the path says beyond it. */
export interface FoundRoute {
  readonly route: Route
  readonly rest: string
}

/**
 * Finds the route of a request.
 * @throws HubError `NOT_FOUND`, or `METHOD_NOT_ALLOWED`
 */
export function findRoute(method: string, path: string): FoundRoute {
  const isTopic = path.startsWith(topicsPrefix)
  const methods = isTopic ? topicMethods : exact.get(path)
  if (methods === undefined) {
    throw new HubError(
      'NOT_FOUND',
      `There is nothing at ${quote(path)}. Subscribe at /events, publish at /topics/{topic}.`,
    )
  }
  // HEAD is answered as GET is; Node leaves the body out.
  const name = method === 'HEAD' ? 'GET' : method
  const route = methods[name]
  if (route !== undefined && Object.hasOwn(methods, name)) {
    return { route, rest: isTopic ? path.slice(topicsPrefix.length) : '' }
  }
  const allow = Object.keys(methods)
    .flatMap((known) => (known === 'GET' ? ['GET', 'HEAD'] : [known]))
    .join(', ')
  throw new HubError('METHOD_NOT_ALLOWED', `${quote(path)} takes ${allow}; got ${quote(method)}.`, {
    allow,
  })
}
