// The token of this tab, and streams that bring it along: an EventSource cannot send headers, and a token in a
// URL would stand in the logs of proxies.

const place = 'tidemark.token'

/** Whether the hub asks for tokens at all. */
export const isLocked = 'locked' in document.documentElement.dataset

/** Kept for this tab, until it is closed. */
export function keepToken(token) {
  if (token === '') sessionStorage.removeItem(place)
  else sessionStorage.setItem(place, token)
}

export function hasToken() {
  return sessionStorage.getItem(place) !== null
}

/** Headers of a request, with the token if there is one. */
export function withToken(headers) {
  const token = sessionStorage.getItem(place)
  return token === null ? headers : { ...headers, Authorization: `Bearer ${token}` }
}

/** A stream: the browser's own, or with a token one that sends it in a header. */
export function openSource(url) {
  return hasToken() ? new TokenSource(url) : new EventSource(url)
}

/**
 * What the page needs of an EventSource. It does not come back by itself: it ends as an EventSource does that has
 * given up, and the page opens another one where this one was.
 */
class TokenSource extends EventTarget {
  readyState = EventSource.CONNECTING
  #aborter = new AbortController()
  #id = ''

  constructor(url) {
    super()
    this.#read(url).catch(() => this.#end())
  }

  close() {
    this.readyState = EventSource.CLOSED
    this.#aborter.abort()
  }

  async #read(url) {
    const headers = withToken({ Accept: 'text/event-stream' })
    const response = await fetch(url, { headers, signal: this.#aborter.signal })
    const { body } = response
    if (response.ok && body !== null) {
      this.readyState = EventSource.OPEN
      let text = ''
      const reader = body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { value, done } = await reader.read()
        if (done) break
        const blocks = (text + value).split('\n\n')
        text = blocks.pop()
        for (const block of blocks) this.#tell(block)
      }
    }
    this.#end()
  }

  /** One event of the hub, which ends lines with LF and puts one space behind a colon. */
  #tell(block) {
    const data = []
    let type = 'message'
    for (const line of block.split('\n')) {
      const at = line.indexOf(': ')
      const [name, value] = at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 2)]
      if (name === 'data') data.push(value)
      else if (name === 'event') type = value
      else if (name === 'id') this.#id = value
    }
    if (data.length === 0) return
    this.dispatchEvent(new MessageEvent(type, { data: data.join('\n'), lastEventId: this.#id }))
  }

  #end() {
    if (this.readyState === EventSource.CLOSED) return
    this.readyState = EventSource.CLOSED
    this.dispatchEvent(new Event('error'))
  }
}
