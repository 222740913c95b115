// Cookies that no script can read, and that browsers send to this site only.

/** The value of a cookie; undefined without it. */
export function readCookie(header = '', name) {
  for (const pair of header.split(';')) {
    const [key, ...value] = pair.trim().split('=')
    if (key === name) return value.join('=')
  }
  return undefined
}

export function setCookie(response, name, { value, path, maxAgeSeconds, url }) {
  // `Lax` keeps other sites from using it. Another origin of the same site may, if it is allowed to.
  const secure = url.startsWith('https:') ? '; Secure' : ''
  response.appendHeader(
    'Set-Cookie',
    `${name}=${value}; HttpOnly; SameSite=Lax; Path=${path}; Max-Age=${maxAgeSeconds}${secure}`,
  )
}

export function clearCookie(response, name, { path, url }) {
  setCookie(response, name, { value: '', path, maxAgeSeconds: 0, url })
}
