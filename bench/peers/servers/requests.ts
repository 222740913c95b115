// HTTP/1.1 requests as bytes, for servers that take plain paths.

const host = 'Host: 127.0.0.1\r\n'

/** A subscription as an `EventSource` asks for it. */
export function getRequest(target: string, headers: Readonly<Record<string, string>> = {}): string {
  return `GET ${target} HTTP/1.1\r\n${host}Accept: text/event-stream\r\n${renderHeaders(headers)}\r\n`
}

/** `topic=a&topic=b`. */
export function topicQuery(topics: readonly string[]): string {
  return new URLSearchParams(topics.map((topic) => ['topic', topic])).toString()
}

/** A publish. */
export function postRequest(
  target: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): string {
  const length = `Content-Length: ${Buffer.byteLength(body)}\r\n`
  return `POST ${target} HTTP/1.1\r\n${host}${length}${renderHeaders(headers)}\r\n${body}`
}

function renderHeaders(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
}
