// The application: who is logged in, what they may see, and the routes.

import { createAccess, mintToken } from '@tidemark/access'
import { ServerError, createTidemark } from '@tidemark/server'
import { describeRequest } from '@tidemark/server/node'
import { HttpError, readForm, sendError, sendJson } from './http.js'
import { clearCookie, readCookie, setCookie } from './cookies.js'
import { createCrossOrigin } from './cross-origin.js'
import { createPages } from './pages.js'
import { RefreshTokens } from './refresh-tokens.js'
import { Sessions } from './sessions.js'
import { checkPassword } from './users.js'

const issuer = 'login-example'

export function createApp({ url, otherOrigins, secret, accessTokenSeconds }) {
  const sessions = new Sessions()
  const refreshTokens = new RefreshTokens(secret)
  const access = createAccess({
    tokens: [{ secret, issuer, audience: url }],
    sources: ['bearer'],
  })
  const tide = createTidemark({ authorize })
  const crossOrigin = createCrossOrigin({ own: url, others: otherOrigins })
  const pages = createPages({ '/': 'home.html', '/home.js': 'home.js' }, { appUrl: url })

  /** Asked for every stream and every publish, and again every minute while a stream of a cookie is open. */
  async function authorize(request) {
    // A request with a token is judged by its token; its cookie is not looked at.
    if (request.header('authorization') !== undefined) return authorizeToken(request)
    const session = sessions.find(readCookie(request.header('cookie'), 'session'))
    // A visitor: nothing is granted to those.
    if (session === undefined) return {}
    return {
      ...rightsOf(session.user),
      user: session.user,
      claims: { session: session.id },
      recheckAfterMs: 60_000,
    }
  }

  /** A token would be good until its end. One whose user has signed out is not. */
  async function authorizeToken(request) {
    const grant = await access.authorize(request)
    if (refreshTokens.has(grant.claims?.jti)) return grant
    throw new ServerError('UNAUTHENTICATED', 'The user has signed out. Sign in again.')
  }

  const routes = {
    'GET /events': (request, response) => tide.subscribe(request, response),
    'GET /me': tellUser,
    'POST /notes': publishNote,
    'POST /login': logIn,
    'POST /logout': logOut,
    'POST /token': giveToken,
    'POST /token/refresh': refreshToken,
    'POST /token/revoke': revokeToken,
  }

  async function tellUser(request, response) {
    sendJson(response, 200, { user: await findUser(describeRequest(request)) })
  }

  async function publishNote(request, response) {
    const { text } = await readForm(request)
    const by = describeRequest(request)
    const user = await findUser(by)
    await tide.publish(`users/${user}/notes`, { type: 'note', data: { text } }, { by })
    sendJson(response, 200, { user })
  }

  async function findUser(by) {
    const { user } = await authorize({ ...by, action: 'read', topics: [] })
    if (user !== undefined) return user
    throw new HttpError(401, 'Sign in first.')
  }

  async function logIn(request, response) {
    const user = await checkPassword(await readForm(request))
    // A new id at each login: one that an attacker has planted before is worth nothing.
    end(readCookie(request.headers.cookie, 'session'))
    const { token: value, maxAgeSeconds } = sessions.begin(user)
    setCookie(response, 'session', { value, path: '/', maxAgeSeconds, url })
    sendJson(response, 200, { user })
  }

  function logOut(request, response) {
    end(readCookie(request.headers.cookie, 'session'))
    clearCookie(response, 'session', { path: '/', url })
    sendJson(response, 200, {})
  }

  /** Ends a cookie session, and its streams at once. */
  function end(cookie) {
    const session = sessions.end(cookie)
    if (session === undefined) return
    endStreams(session.user, ({ claims }) => claims.session === session.id)
  }

  async function giveToken(request, response) {
    const user = await checkPassword(await readForm(request))
    await sendToken(response, refreshTokens.begin(user))
  }

  async function refreshToken(request, response) {
    const cookie = readCookie(request.headers.cookie, 'refresh')
    const next = refreshTokens.rotate(cookie)
    if (next.isStolen) endFamily(next)
    // The cookie stays: another tab may have signed in meanwhile, and would lose its own by this answer.
    if (next.token === undefined)
      throw new HttpError(401, 'The refresh token is not valid any more. Sign in again.')
    await sendToken(response, next)
  }

  function revokeToken(request, response) {
    const ended = refreshTokens.end(readCookie(request.headers.cookie, 'refresh'))
    if (ended !== undefined) endFamily(ended)
    clearCookie(response, 'refresh', { path: '/token', url })
    sendJson(response, 200, {})
  }

  /** The access token goes to the page; the refresh token into a cookie that no script can read. */
  async function sendToken(response, { user, family, token, maxAgeSeconds }) {
    const accessToken = await mintToken({
      ...rightsOf(user),
      secret,
      issuer,
      audience: url,
      sub: user,
      id: family,
      ttlMs: accessTokenSeconds * 1_000,
    })
    setCookie(response, 'refresh', { value: token, path: '/token', maxAgeSeconds, url })
    sendJson(response, 200, { accessToken, expiresInSeconds: accessTokenSeconds, user })
  }

  function endFamily({ user, family }) {
    endStreams(user, ({ claims }) => claims.jti === family)
  }

  /** Of this process. Behind several, revoke in the log instead: see the guide to access. */
  function endStreams(user, isMeant) {
    for (const stream of tide.sessions({ user })) if (isMeant(stream)) void stream.end('signed-out')
  }

  async function answer(request, response) {
    try {
      const { pathname } = new URL(request.url, url)
      if (crossOrigin.answersPreflight(request, response)) return
      crossOrigin.check(request, response)
      const route = routes[`${request.method} ${pathname}`]
      const [, sessionId] = /^\/sessions\/([^/]+)$/.exec(pathname) ?? []
      if (route !== undefined) await route(request, response)
      else if (request.method === 'PATCH' && sessionId !== undefined)
        await renewStream(sessionId, request, response)
      else await pages(request, response)
    } catch (error) {
      sendError(response, error)
    }
  }

  /** A fresh token for a stream that stays open. */
  async function renewStream(sessionId, request, response) {
    const isOpen = await tide.reach(sessionId).renew({ by: describeRequest(request) })
    sendJson(response, isOpen ? 200 : 404, { isOpen })
  }

  async function close() {
    await tide.drain()
    await tide.close()
    access.close()
  }

  return { answer, close }
}

/** `user` is an id of ours. A name that people choose must not become part of a pattern. */
function rightsOf(user) {
  return { subscribe: ['news', `users/${user}/**`], publish: [`users/${user}/**`] }
}
