// Starts two servers: the application, and a site of another origin that uses it.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import process from 'node:process'
import { createApp } from './app.js'
import { createPages } from './pages.js'

const port = Number(process.env.PORT ?? 8080)
const otherPort = Number(process.env.OTHER_PORT ?? 8081)
const accessTokenSeconds = Number(process.env.ACCESS_TOKEN_SECONDS ?? 900)
// A secret made at each start ends all tokens with the process. Give several processes the same one.
const secret = process.env.TOKEN_SECRET ?? randomBytes(32).toString('base64')

const other = createServer()
await once(other.listen(otherPort, 'localhost'), 'listening')
const server = createServer()
await once(server.listen(port, 'localhost'), 'listening')

const appUrl = `http://localhost:${server.address().port}`
const otherUrl = `http://localhost:${other.address().port}`

const app = createApp({ url: appUrl, otherOrigins: [otherUrl], secret, accessTokenSeconds })
const otherPages = createPages({ '/': 'other.html', '/other.js': 'other.js' }, { appUrl })
server.on('request', (request, response) => void app.answer(request, response))
other.on('request', (request, response) => void otherPages(request, response))

process.stdout.write(`The application:  ${appUrl}/\nAnother origin:   ${otherUrl}/\n`)
process.stdout.write(
  'Sign in as ada (password: analytical-engine) or grace (password: nanosecond).\n',
)

process.once('SIGINT', () => void leave()).once('SIGTERM', () => void leave())

async function leave() {
  server.close()
  other.close()
  await app.close()
  server.closeAllConnections()
  other.closeAllConnections()
}
