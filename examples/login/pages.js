// Pages and scripts: our own, and the modules of the client as they are installed.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { sendError, HttpError } from './http.js'

const modules = {
  client: new URL('.', import.meta.resolve('@tidemark/client')),
  wire: new URL('.', import.meta.resolve('@tidemark/wire')),
}

const importMap = JSON.stringify({
  imports: {
    '@tidemark/client': '/modules/client/index.js',
    '@tidemark/wire': '/modules/wire/index.js',
    '@tidemark/wire/values': '/modules/wire/values.js',
  },
})
const importMapTag = `<script type="importmap">${importMap}</script>`
// The policy of the page allows this one inline script.
const importMapHash = createHash('sha256').update(importMap).digest('base64')

/** Serves the named files of `pages/` by path. */
export function createPages(files, { appUrl }) {
  const headers = {
    'Content-Security-Policy': `default-src 'self'; script-src 'self' 'sha256-${importMapHash}'; connect-src 'self' ${appUrl}; frame-ancestors 'none'`,
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
  }
  return async (request, response) => {
    try {
      const { pathname } = new URL(request.url, 'http://localhost')
      const { type, body } = await read(pathname)
      response.writeHead(200, { ...headers, 'Content-Type': `${type}; charset=utf-8` }).end(body)
    } catch (error) {
      sendError(response, error)
    }
  }

  async function read(pathname) {
    const name = Object.hasOwn(files, pathname) ? files[pathname] : undefined
    const [, room, module] = /^\/modules\/(client|wire)\/([\w-]+\.js)$/.exec(pathname) ?? []
    if (room !== undefined)
      return { type: 'text/javascript', body: await readOrMiss(new URL(module, modules[room])) }
    if (name === undefined) throw new HttpError(404, 'There is nothing here.')
    const text = await readFile(new URL(`pages/${name}`, import.meta.url), 'utf8')
    const body = text.replace('<!-- importmap -->', importMapTag).replaceAll('{{app}}', appUrl)
    return { type: name.endsWith('.html') ? 'text/html' : 'text/javascript', body }
  }
}

async function readOrMiss(url) {
  try {
    return await readFile(url)
  } catch {
    throw new HttpError(404, 'There is nothing here.')
  }
}
