// A page of another origin. With tokens: our client, whose stream stays open while its token is renewed. With
// the session of the application, if its visitor has one: a plain EventSource.

import { createClient } from '@tidemark/client'

const app = '{{app}}'
const names = ['login', 'cookie', 'logout', 'state', 'notes']
const [login, cookie, logout, state, notes] = names.map((id) => document.getElementById(id))

/** In memory only. The refresh token is in a cookie that no script can read. */
let token
/** One refresh at a time, however many ask. */
let refreshing
let feed
let session
let timer

login.addEventListener('submit', (event) => {
  event.preventDefault()
  void signIn(Object.fromEntries(new FormData(login)))
})
cookie.addEventListener('click', () => void useCookie())
logout.addEventListener('click', () => void signOut())

// Somebody who has a refresh token needs no form, also after a reload.
void refresh().then(follow, () => show('signed out'))

async function signIn(form) {
  try {
    keep(await send('POST', '/token', { body: form }))
    follow()
  } catch (error) {
    show(error.message)
  }
}

function follow() {
  feed?.close()
  const headers = async () => ({ Authorization: `Bearer ${await freshToken()}` })
  const client = createClient(app, { headers })
  feed = client.feed(['news', `users/${token.user}/**`])
  feed.on('note', ({ text }) => add(text))
  feed.on('tidemark.ready', (ready) => {
    session = ready.session
    count('opened')
    show('open')
  })
  feed.on('tidemark.state', ({ phase, error }) => {
    if (phase === 'closed' && error !== undefined) leave()
    if (phase === 'waiting') state.textContent = 'waiting'
  })
}

/** For a stream that begins or comes back. */
async function freshToken() {
  if (token.goodUntil <= performance.now()) await refresh()
  return token.accessToken
}

function refresh() {
  refreshing ??= send('POST', '/token/refresh')
    .then(keep, (error) => {
      // Signed out, here or in another tab. Anything else passes, and the stream tries again by itself.
      if (error.status === 401) leave()
      throw error
    })
    .finally(() => (refreshing = undefined))
  return refreshing
}

function leave() {
  clearTimeout(timer)
  feed?.close()
  show('signed out')
}

/** Half a minute before its end, or after half of a shorter life, the next one is due. */
function keep(given) {
  const lifeMs = given.expiresInSeconds * 1_000
  const dueMs = lifeMs - Math.min(30_000, lifeMs / 2)
  token = { ...given, goodUntil: performance.now() + dueMs }
  clearTimeout(timer)
  timer = setTimeout(() => void renew(), dueMs)
}

/** The open stream goes on with the fresh token: no reconnect, no event lost. */
async function renew() {
  try {
    await refresh()
    await send('PATCH', `/sessions/${session}`, { bearer: token.accessToken })
    count('renewed')
  } catch {
    // Signed out elsewhere, or the stream is between two connections: it asks for a token when it comes back.
  }
}

async function signOut() {
  leave()
  await send('POST', '/token/revoke')
}

/** Browsers send the cookie along from an origin of the same site, if page and server say so. */
async function useCookie() {
  try {
    const { user } = await send('GET', '/me')
    const url = `${app}/events?topic=news&topic=users/${user}/**`
    const source = new EventSource(url, { withCredentials: true })
    source.addEventListener('open', () => show('open'))
    source.addEventListener('note', (event) => add(JSON.parse(event.data).text))
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) show('signed out')
    })
  } catch (error) {
    show(error.message)
  }
}

function add(text) {
  const item = document.createElement('li')
  item.textContent = text
  notes.append(item)
}

/** For a curious reader: how often the stream was opened, and how often its token was renewed. */
function count(what) {
  state.dataset[what] = String(Number(state.dataset[what] ?? 0) + 1)
}

function show(text) {
  state.textContent = text
  const isOpen = text === 'open'
  login.hidden = cookie.hidden = isOpen
  logout.hidden = !isOpen
}

async function send(method, path, { bearer, body } = {}) {
  const response = await fetch(app + path, {
    method,
    credentials: 'include',
    headers: {
      'Content-Type': 'application/json',
      ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
    },
    body: JSON.stringify(body),
  })
  const answer = await response.json()
  if (!response.ok) throw Object.assign(new Error(answer.detail), { status: response.status })
  return answer
}
