// A page of the application's own origin: a cookie session, and a plain EventSource.

const names = ['login', 'note', 'logout', 'state', 'notes']
const [login, note, logout, state, notes] = names.map((id) => document.getElementById(id))
let source

login.addEventListener('submit', (event) => {
  event.preventDefault()
  void signIn(Object.fromEntries(new FormData(login)))
})
note.addEventListener('submit', (event) => {
  event.preventDefault()
  void send('POST', '/notes', Object.fromEntries(new FormData(note)))
})
logout.addEventListener('click', () => void send('POST', '/logout', {}))

// Somebody who is signed in already needs no form.
void begin()

async function signIn(form) {
  const answer = await send('POST', '/login', form)
  if (answer.user === undefined) show(answer.detail)
  else await begin()
}

async function begin() {
  const { user } = await send('GET', '/me')
  if (user === undefined) show('signed out')
  else listen(user)
}

/** The browser sends the cookie along, and comes back by itself with its place when the connection breaks. */
function listen(user) {
  source?.close()
  source = new EventSource(`/events?topic=news&topic=users/${user}/**`)
  source.addEventListener('open', () => show('open'))
  source.addEventListener('note', (event) => {
    const item = document.createElement('li')
    item.textContent = JSON.parse(event.data).text
    notes.append(item)
  })
  // A page that signs out here and there hears it at once: the stream ends, and the next one is refused.
  source.addEventListener('tidemark.bye', () => void begin())
}

function show(text) {
  state.textContent = text
  const isOpen = text === 'open'
  login.hidden = isOpen
  note.hidden = logout.hidden = !isOpen
  if (!isOpen) source?.close()
}

async function send(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  return response.json()
}
