// The hub's page: watches topics through a plain EventSource and publishes with fetch. Events are shown as text only.

import { hasToken, isLocked, keepToken, openSource, withToken } from './access.js'

/** Rows kept in the list, and waiting for it while it is paused or the tab is hidden. */
const rowsMax = 500
/** Characters of data shown per row: 500 rows × 8,000 = 4 million at most. */
const dataLengthMax = 8_000
/** JSON up to this long stays on one line. */
const lineLengthMax = 96
/** Pause before another try when the browser itself has given up, in milliseconds. */
const retryMs = 3_000

const find = (id) => document.getElementById(id)
const scroller = find('scroller')
const rows = find('rows')

/** What is being watched, and how it goes. */
const watched = { topics: [], since: 'now', source: undefined, timer: undefined, cursor: '' }
/** What the list holds back, and how it shows. */
const list = { waiting: [], count: 0, isPaused: false, isFollowing: true, isDue: false }

// What to watch: the form, the address, the back button.

function readAddress() {
  const query = new URLSearchParams(location.search)
  return { topics: splitTopics(query.get('topics') ?? ''), since: query.get('since') || 'now' }
}

function splitTopics(text) {
  return [...new Set(text.split(/[\s,]+/).filter((topic) => topic !== ''))]
}

/** Slashes and asterisks may stand in a query as they are, and read better. */
function writeAddress({ topics, since }) {
  const names = topics.map((topic) => encodeURIComponent(topic).replaceAll('%2F', '/')).join(',')
  const tail = since === 'now' ? '' : `&since=${encodeURIComponent(since)}`
  history.pushState(null, '', topics.length === 0 ? location.pathname : `?topics=${names}${tail}`)
}

function fillForm({ topics, since }) {
  find('topics').value = topics.join(' ')
  const select = find('since')
  if (![...select.options].some((option) => option.value === since)) {
    select.add(new Option(`since ${since}`, since))
  }
  select.value = since
  const exact = topics.find((topic) => !topic.includes('*'))
  if (find('topic').value === '' && exact !== undefined) find('topic').value = exact
  document.title = topics.length === 0 ? 'Tidemark' : `${topics.join(' ')} · Tidemark`
}

function watch(wish) {
  stop()
  clearRows()
  Object.assign(watched, wish, { cursor: '' })
  fillForm(wish)
  for (const fact of ['session', 'resumed', 'cursor', 'beat']) setFact(fact, '–')
  const isIdle = wish.topics.length === 0
  find('everything').hidden = !isIdle
  if (isIdle) {
    setState('idle', 'Not watching')
    return
  }
  find('empty-title').textContent = `Nothing yet on ${wish.topics.join(', ')}.`
  find('empty-text').textContent = 'Events appear here as they are published.'
  open()
}

// The stream.

function open() {
  setState('connecting', 'Connecting…')
  const source = openSource(streamUrl())
  watched.source = source
  source.addEventListener('batch', (event) => {
    moveTo(event.lastEventId)
    for (const envelope of JSON.parse(event.data, keepNumber)) show({ kind: 'event', envelope })
  })
  source.addEventListener('tidemark.ready', (event) => begin(event, JSON.parse(event.data)))
  source.addEventListener('tidemark.gap', (event) => {
    moveTo(event.lastEventId)
    show({ kind: 'gap', text: describeGap(JSON.parse(event.data)) })
  })
  source.addEventListener('tidemark.beat', (event) => {
    moveTo(event.lastEventId)
    setFact('beat', `last at ${formatClock(new Date())}`)
    pulse()
  })
  source.addEventListener('tidemark.bye', (event) => {
    const { reason, retryMs: pause } = JSON.parse(event.data)
    const text = `The hub ended the stream: ${byeReasons[reason] ?? reason}.`
    show({ kind: 'note', text: `${text} Back in about ${Math.round(pause / 1000)} s.` })
  })
  source.addEventListener('error', () => {
    if (source === watched.source) void fail(source)
  })
}

function streamUrl() {
  const query = new URLSearchParams(watched.topics.map((topic) => ['topic', topic]))
  query.set('framing', 'batch')
  query.set('since', watched.since)
  if (watched.cursor !== '') query.set('lastEventId', watched.cursor)
  return `events?${query}`
}

function begin(event, { session, cursor, heartbeatMs, resumed }) {
  if (resumed === 'exact') show({ kind: 'note', text: 'Back, exactly where it left off.' })
  moveTo(event.lastEventId || cursor)
  setFact('session', session)
  setFact('resumed', `${resumed}, ${formatClock(new Date())}`)
  setFact('beat', `every ${heartbeatMs / 1000} s`)
  setState('open', 'Open')
}

/** The browser comes back by itself, or has given up: then the hub says why, or cannot be reached at all. */
async function fail(source) {
  setState('waiting', 'Reconnecting…')
  if (source.readyState === EventSource.CONNECTING) return
  const problem = await askWhy().catch(() => undefined)
  if (source !== watched.source) return
  if (problem !== undefined) refuse(problem)
  // oxlint-disable-next-line no-restricted-globals -- a page has no clock but its own
  else watched.timer = setTimeout(open, retryMs)
}

/** The problem the hub answers the same request with, or undefined when it would let it in now. */
async function askWhy() {
  const aborter = new AbortController()
  const headers = withToken({ Accept: 'application/problem+json' })
  const response = await fetch(streamUrl(), { headers, signal: aborter.signal })
  if (response.ok || response.status === 503 || response.status === 429) {
    aborter.abort()
    return undefined
  }
  if (response.status === 401 && isLocked) askForToken()
  return readProblem(response)
}

function refuse(problem) {
  stop()
  setState('refused', 'Refused')
  show({ kind: 'gap', text: problem })
}

function stop() {
  clearTimeout(watched.timer)
  watched.source?.close()
  watched.source = undefined
}

function moveTo(cursor) {
  if (cursor === '') return
  watched.cursor = cursor
  setFact('cursor', cursor)
}

const byeReasons = {
  full: 'it is full',
  draining: 'it is shutting down',
  'log-unavailable': 'its log cannot be read',
  'access-unavailable': 'it cannot find out whether you may',
}

const gapReasons = {
  retention: 'retention has removed them',
  epoch: 'the cursor belongs to another history',
  ahead: 'the cursor is ahead of the log',
  cursor: 'the cursor cannot be read',
}

function describeGap({ from, to, reason }) {
  const stretch = from === null ? `up to ${to}` : `between ${from} and ${to}`
  return `Gap: events ${stretch} may be missing, because ${gapReasons[reason] ?? reason}.`
}

/** Numbers that JavaScript would round stay as they were published, where the browser can do that. */
function keepNumber(_key, value, context) {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value
  return JSON.rawJSON === undefined ? value : JSON.rawJSON(source)
}

// The list.

/** Takes an entry for the list; it is drawn with the next frame, together with all others that came until then. */
function show(entry) {
  if (entry.kind === 'event') list.count += 1
  list.waiting.push({ ...entry, time: entry.envelope?.time ?? new Date().getTime() })
  if (list.waiting.length >= rowsMax * 2) list.waiting = list.waiting.slice(-rowsMax)
  drawSoon()
}

function drawSoon() {
  if (list.isDue) return
  list.isDue = true
  requestAnimationFrame(draw)
}

function draw() {
  list.isDue = false
  if (!list.isPaused && list.waiting.length > 0) {
    rows.append(...list.waiting.slice(-rowsMax).map(makeRow))
    list.waiting = []
    while (rows.childElementCount > rowsMax) rows.firstElementChild.remove()
    if (list.isFollowing) scroller.scrollTop = scroller.scrollHeight
  }
  find('empty').hidden = rows.childElementCount > 0
  find('newest').hidden = list.isFollowing
  find('count').textContent = describeCount()
}

function describeCount() {
  const { count, waiting, isPaused } = list
  const text =
    count === 0 ? 'none yet' : `${count.toLocaleString()} ${count === 1 ? 'event' : 'events'}`
  if (isPaused) return `${text}, ${Math.min(waiting.length, rowsMax)} held back`
  return count > rowsMax ? `${text}, the newest ${rowsMax} shown` : text
}

function clearRows() {
  rows.replaceChildren()
  Object.assign(list, { waiting: [], count: 0, isFollowing: true })
  drawSoon()
}

function makeRow({ kind, text, envelope, time }) {
  const row = document.createElement('li')
  row.className = kind === 'event' ? 'event' : `note ${kind}`
  row.append(makeTime(time))
  if (kind === 'event') {
    row.append(makeName(envelope), makeData(envelope.data))
  } else {
    const words = make('span', '', text)
    if (kind === 'gap') words.setAttribute('role', 'alert')
    row.append(words)
  }
  return row
}

function makeTime(ms) {
  const time = new Date(ms)
  const text = `${formatClock(time)}.${String(time.getMilliseconds()).padStart(3, '0')}`
  const element = make('time', '', text)
  element.dateTime = time.toISOString()
  element.title = time.toLocaleString()
  return element
}

function formatClock(time) {
  const numbers = [time.getHours(), time.getMinutes(), time.getSeconds()]
  return numbers.map((value) => String(value).padStart(2, '0')).join(':')
}

function makeName({ topic, type, key }) {
  const name = make('span', 'name')
  name.append(make('span', 'topic', topic))
  const more = [type === 'message' ? '' : type, key === undefined ? '' : `key ${key}`]
  const words = more.filter((word) => word !== '').join(', ')
  if (words !== '') name.append(' ', make('span', 'type', words))
  return name
}

function makeData(data) {
  const whole = typeof data === 'string' ? data : prettify(data)
  const text = whole.slice(0, dataLengthMax)
  const element = make('pre', 'data')
  if (typeof data === 'string') element.append(text)
  else element.append(...tintMembers(text))
  if (text.length < whole.length) {
    element.append(make('span', 'cut', ` … ${whole.length.toLocaleString()} characters in all`))
  }
  return element
}

function prettify(data) {
  // JSON text holds no line breaks but those of its layout, so folding them changes no value.
  const line = JSON.stringify(data, null, 1).replaceAll(/\n */g, ' ')
  return line.length <= lineLengthMax ? line : JSON.stringify(data, null, 2)
}

function tintMembers(json) {
  const parts = []
  let end = 0
  for (const match of json.matchAll(/("(?:[^"\\]|\\.)*")(:)?/g)) {
    if (match[2] === undefined) continue
    parts.push(json.slice(end, match.index), make('span', 'member', match[1]))
    end = match.index + match[1].length
  }
  return [...parts, json.slice(end)]
}

function make(tag, className, text = '') {
  const element = document.createElement(tag)
  element.className = className
  element.textContent = text
  return element
}

// Publishing.

async function publish() {
  const [topic, type, data] = ['topic', 'type', 'data'].map((id) => find(id).value)
  // In the body and not in the path: a URL would silently drop segments such as `..`.
  const body = JSON.stringify({ topic: topic.trim(), type: type.trim(), data })
  setAnswer('', 'Publishing…')
  try {
    const headers = withToken({ 'Content-Type': 'application/json' })
    const response = await fetch('publish', { method: 'POST', headers, body })
    if (!response.ok) {
      if (response.status === 401 && isLocked) askForToken()
      setAnswer('bad', await readProblem(response))
      return
    }
    const { cursor, sessions } = await response.json()
    const reach = `${sessions} ${sessions === 1 ? 'session' : 'sessions'}`
    setAnswer('good', `Published at cursor ${cursor}. It goes to ${reach} here.`)
  } catch {
    setAnswer('bad', 'The hub does not answer. Is it running?')
  }
}

async function readProblem(response) {
  try {
    const { detail, title } = await response.json()
    return detail ?? title ?? `The hub answered ${response.status}.`
  } catch {
    return `The hub answered ${response.status}.`
  }
}

/** The hub has refused the token there is, or wants one. */
function askForToken() {
  find('access-hint').textContent = hasToken()
    ? 'The hub does not accept this token. Give another one.'
    : 'The hub asks for a token.'
  find('token').focus()
}

// Small outputs.

function setState(name, text) {
  const state = find('state')
  state.dataset.state = name
  state.textContent = text
}

function setFact(id, text) {
  find(id).textContent = text
  find(id).title = text
}

function setAnswer(kind, text) {
  find('answer').dataset.kind = kind
  find('answer').textContent = text
}

function pulse() {
  const { classList } = find('state')
  classList.remove('beating')
  requestAnimationFrame(() => classList.add('beating'))
}

// Everything the person does.

find('watch').addEventListener('submit', (event) => {
  event.preventDefault()
  const wish = { topics: splitTopics(find('topics').value), since: find('since').value }
  writeAddress(wish)
  watch(wish)
})
find('publish').addEventListener('submit', (event) => {
  event.preventDefault()
  void publish()
})
find('access').addEventListener('submit', (event) => {
  event.preventDefault()
  keepToken(find('token').value.trim())
  find('token').value = ''
  find('access-hint').textContent = hasToken() ? 'This tab has a token.' : 'This tab has no token.'
  watch(readAddress())
})
find('data').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) find('publish').requestSubmit()
})
find('pause').addEventListener('click', () => {
  list.isPaused = !list.isPaused
  find('pause').setAttribute('aria-pressed', String(list.isPaused))
  drawSoon()
})
find('clear').addEventListener('click', clearRows)
find('newest').addEventListener('click', () => {
  list.isFollowing = true
  scroller.scrollTop = scroller.scrollHeight
  drawSoon()
})
scroller.addEventListener('scroll', () => {
  list.isFollowing = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40
  drawSoon()
})
addEventListener('resize', () => {
  if (list.isFollowing) scroller.scrollTop = scroller.scrollHeight
})
addEventListener('popstate', () => watch(readAddress()))

find('access-card').hidden = !isLocked
if (isLocked && !hasToken()) askForToken()
watch(readAddress())
